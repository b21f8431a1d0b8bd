namespace Makatea.Virtio.Testing;

/// <summary>A range of guest-physical addresses.</summary>
/// <param name="Address">First byte.</param>
/// <param name="Length">Length in bytes.</param>
public readonly record struct GuestRange(ulong Address, ulong Length);
