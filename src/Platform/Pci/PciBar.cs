namespace Makatea.Platform;

/// <summary>A base address register of a PCI function ([PCI-3.0] 6.2.5.1).</summary>
/// <param name="Index">Its number, 0 to 5; a 64-bit one takes its own and the next.</param>
/// <param name="Kind">What it decodes.</param>
/// <param name="Length">Length in bytes, a power of two; 0 where there is none.</param>
/// <param name="IsPrefetchable">Reads have no side effects.</param>
public readonly record struct PciBar(int Index, PciBarKind Kind, ulong Length, bool IsPrefetchable);

/// <summary>What a base address register decodes.</summary>
public enum PciBarKind : byte
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>I/O ports.</summary>
    Ports,

    /// <summary>Memory below 4 GiB.</summary>
    Memory32,

    /// <summary>Memory anywhere.</summary>
    Memory64,
}
