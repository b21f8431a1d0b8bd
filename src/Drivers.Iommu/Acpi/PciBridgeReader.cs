using Makatea.Platform;

namespace Makatea.Drivers.Iommu;

/// <summary>Reads the bus numbers of a bridge in configuration space. DMAR names devices by the bridges on the way to them.</summary>
/// <param name="bridge">Where the bridge should be.</param>
/// <returns>First and last bus behind it; null where there is no bridge.</returns>
public delegate (byte Secondary, byte Subordinate)? PciBridgeReader(PciAddress bridge);
