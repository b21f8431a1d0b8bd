namespace Makatea.Platform;

/// <summary>A segment register with what the processor keeps of its descriptor.</summary>
/// <param name="Selector">The visible part.</param>
/// <param name="Base">Linear address of its first byte.</param>
/// <param name="Limit">In bytes, scaled by the granularity already.</param>
/// <param name="Rights">Type, S, DPL and P in bits 7:0, AVL, L, D/B and G in bits 15:12, unusable in bit 16: as in a VMCS ([SDM] 3C 25.4.1).</param>
public readonly record struct CpuSegment(ushort Selector, ulong Base, uint Limit, uint Rights)
{
    /// <summary>The segment is not to be used: a null selector was loaded.</summary>
    public const uint Unusable = 1 << 16;

    /// <summary>A flat segment of 64-bit code, DPL 0.</summary>
    public static CpuSegment Code64(ushort selector) => new(selector, 0, uint.MaxValue, 0xa09b);

    /// <summary>A flat segment of 32-bit code, DPL 0.</summary>
    public static CpuSegment Code32(ushort selector) => new(selector, 0, uint.MaxValue, 0xc09b);

    /// <summary>A flat segment of data, writable, DPL 0.</summary>
    public static CpuSegment Data(ushort selector) => new(selector, 0, uint.MaxValue, 0xc093);

    /// <summary>A segment of real mode: 64 KiB at 16 times the selector.</summary>
    public static CpuSegment Real(ushort selector, bool isCode) => new(selector, (ulong)selector << 4, 0xffff, isCode ? 0x9bu : 0x93u);
}
