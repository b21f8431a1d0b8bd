using Makatea.Sel4.Image.Manifests;

namespace Makatea.Imaging;

/// <summary>What a system becomes on seL4.</summary>
/// <param name="Manifest">What the root task is told.</param>
/// <param name="Programs">What components run, by their names in the archive.</param>
/// <param name="Files">The other files of the archive.</param>
/// <param name="MachineMemory">Bytes of memory of the machine that it is to fit into.</param>
internal sealed record SystemPlan(Manifest Manifest, IReadOnlyDictionary<string, ProgramProject> Programs, IReadOnlyList<PlannedFile> Files, ulong MachineMemory)
{
    /// <summary>Name of the Linux ABI layer in the archive.</summary>
    public const string Layer = ProgramFolder + "layer";

    /// <summary>Name of the console in the archive.</summary>
    public const string Console = ProgramFolder + "console";

    /// <summary>What names of programs in the archive begin with.</summary>
    public const string ProgramFolder = "bin/";
}

/// <summary>A file of the archive: what is in a file here, or something that was made.</summary>
/// <param name="Name">Its name in the archive.</param>
/// <param name="Path">The file here.</param>
/// <param name="Contents">What was made.</param>
internal sealed record PlannedFile(string Name, string? Path, byte[]? Contents)
{
    /// <summary>All of it.</summary>
    public byte[] Read() => Contents ?? File.ReadAllBytes(Path!);
}
