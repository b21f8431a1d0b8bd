namespace Makatea.Drivers.Iommu;

/// <summary>
/// Memory that firmware lets devices use behind the system's back: legacy keyboards, stolen graphics memory (RMRR, [VT-d-4.1] 8.4). Such a device gets it only where
/// the owner of its domain asks (<see cref="IommuDomain.MapReservedRegions"/>).
/// </summary>
/// <param name="Segment">PCI segment group.</param>
/// <param name="First">First physical address.</param>
/// <param name="Last">Last physical address.</param>
/// <param name="Scopes">The devices.</param>
public sealed record ReservedRegion(ushort Segment, ulong First, ulong Last, IReadOnlyList<DeviceScope> Scopes);
