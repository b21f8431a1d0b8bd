namespace Makatea.Drivers.Iommu.Units;

/// <summary>A descriptor of the invalidation queue, 128 bits ([VT-d-4.1] 6.5.2): what a unit is to forget.</summary>
/// <param name="Low">Bits 63:0: type in 3:0.</param>
/// <param name="High">Bits 127:64.</param>
internal readonly record struct InvalidationDescriptor(ulong Low, ulong High)
{
    /// <summary>Length in the queue.</summary>
    internal const int Length = 16;

    private const int GranularityShift = 4;
    private const int DomainShift = 16;

    /// <summary>The context entry of one requester ([VT-d-4.1] 6.5.2.1).</summary>
    internal static InvalidationDescriptor Context(ushort domain, ushort requester)
    {
        const ulong Type = 1;
        const ulong Device = 3ul << GranularityShift;
        return new(Type | Device | ((ulong)domain << DomainShift) | ((ulong)requester << 32), 0);
    }

    /// <summary>All context entries.</summary>
    internal static InvalidationDescriptor AllContexts => new(1 | (1ul << GranularityShift), 0);

    /// <summary>All translations ([VT-d-4.1] 6.5.2.3).</summary>
    internal static InvalidationDescriptor AllTranslations(IotlbDrain drain) => new(2 | (1ul << GranularityShift) | (ulong)drain, 0);

    /// <summary>The translations of a domain.</summary>
    internal static InvalidationDescriptor Domain(ushort domain, IotlbDrain drain) =>
        new(2 | (2ul << GranularityShift) | (ulong)drain | ((ulong)domain << DomainShift), 0);

    /// <summary>Translations of two to the power of <paramref name="addressMask"/> pages, and the tables on the way to them.</summary>
    internal static InvalidationDescriptor Pages(ushort domain, ulong iova, int addressMask, IotlbDrain drain) =>
        new(2 | (3ul << GranularityShift) | (ulong)drain | ((ulong)domain << DomainShift), iova | (uint)addressMask);

    /// <summary>All entries of the interrupt remapping table ([VT-d-4.1] 6.5.2.7).</summary>
    internal static InvalidationDescriptor AllInterrupts => new(4, 0);

    /// <summary>One entry of the interrupt remapping table.</summary>
    internal static InvalidationDescriptor Interrupt(ushort index) => new(4 | (1ul << GranularityShift) | ((ulong)index << 32), 0);

    /// <summary>When all before is done, a word of memory is written ([VT-d-4.1] 6.5.2.8).</summary>
    internal static InvalidationDescriptor Wait(ulong statusAddress, uint status)
    {
        const ulong StatusWrite = 1 << 5;
        return new(5 | StatusWrite | ((ulong)status << 32), statusAddress);
    }
}

/// <summary>What an invalidation of translations waits for.</summary>
[Flags]
internal enum IotlbDrain : ulong
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Writes that were translated.</summary>
    Writes = 1 << 6,

    /// <summary>Reads that were translated.</summary>
    Reads = 1 << 7,
}
