namespace Makatea.Platform;

/// <summary>GDTR or IDTR.</summary>
/// <param name="Base">Linear address of the table.</param>
/// <param name="Limit">Offset of its last byte.</param>
public readonly record struct CpuTable(ulong Base, ushort Limit);
