using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>A function that a walk over the buses found.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Identity">What it says that it is.</param>
/// <param name="Bridge">The bridge that it is behind; null on a root bus.</param>
/// <param name="SecondaryBus">The bus behind it, where it is a bridge that has one.</param>
public sealed record PciFunctionInfo(PciAddress Address, PciIdentity Identity, PciAddress? Bridge, byte? SecondaryBus)
{
    /// <summary>It is a bridge to another bus.</summary>
    public bool IsBridge => SecondaryBus is not null;

    /// <summary>
    /// The names under which its requests can reach an IOMMU, its own first. Others come from bridges to conventional PCI on the way, in whose name everything behind them
    /// speaks: who puts the function into a DMA space puts all of these, and who has one of them in common is one device for the IOMMU.
    /// </summary>
    public IReadOnlyList<PciAddress> Requesters { get; init; } = [Address];
}
