namespace Makatea.Drivers.Iommu;

/// <summary>Fault reasons of legacy mode ([VT-d-4.1] 7.1.3).</summary>
internal static class FaultReason
{
    /// <summary>First reason of interrupts.</summary>
    internal const byte FirstInterrupt = 0x20;

    /// <summary>Last reason of interrupts.</summary>
    internal const byte LastInterrupt = 0x2f;

    /// <summary>The reason in words.</summary>
    internal static string Describe(byte reason) => reason switch
    {
        0x01 => "no device on its bus is in a domain",
        0x02 => "it is in no domain",
        0x03 => "its context entry is invalid",
        0x04 => "the address is beyond those of its domain",
        0x05 => "its domain does not let it write there",
        0x06 => "its domain does not let it read there",
        0x07 => "a second-level table cannot be read",
        0x08 => "the root table cannot be read",
        0x09 => "a context table cannot be read",
        0x0a => "a root entry has reserved bits set",
        0x0b => "its context entry has reserved bits set",
        0x0c => "a second-level entry has reserved bits set",
        0x0d => "it asked for a translation, or claims to have one, and may not",
        0x20 => "the interrupt message has reserved bits set",
        0x21 => "the interrupt table has no such entry",
        0x22 => "the entry of the interrupt table is not in use",
        0x23 => "the interrupt table cannot be read",
        0x24 => "the entry of the interrupt table has reserved bits set",
        0x25 => "interrupt messages of the processor's own format are blocked",
        0x26 => "the entry of the interrupt table is another device's",
        _ => $"reason 0x{reason:x}",
    };
}
