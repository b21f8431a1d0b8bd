namespace Makatea.Sel4.Image.Modules;

/// <summary>Something for the archive: a program, a manifest.</summary>
/// <param name="Name">What the root task finds it by.</param>
/// <param name="Contents">Its bytes.</param>
public sealed record ArchiveFile(string Name, ReadOnlyMemory<byte> Contents);
