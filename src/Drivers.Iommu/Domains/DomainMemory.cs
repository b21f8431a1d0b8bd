using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Domains;

/// <summary>Memory of the machine that is mapped in a domain, and goes with its mapping.</summary>
internal sealed class DomainMemory(DmaMemory memory, DmaMapping mapping) : DmaMemory
{
    public override nint Address => memory.Address;

    public override ulong Length => memory.Length;

    public override ulong Iova => mapping.Iova;

    protected override void Dispose(bool disposing)
    {
        mapping.Dispose();
        memory.Dispose();
    }
}
