using Makatea.Platform;

namespace Makatea.Drivers.Iommu;

/// <summary>A remapping unit as firmware describes it (DRHD, [VT-d-4.1] 8.3).</summary>
/// <param name="Segment">PCI segment group of its devices.</param>
/// <param name="RegisterBase">Physical address of its registers.</param>
/// <param name="IncludesAll">It has every device of the segment that no other unit names.</param>
/// <param name="Scopes">The devices that it names.</param>
public sealed record DmarUnit(ushort Segment, ulong RegisterBase, bool IncludesAll, IReadOnlyList<DeviceScope> Scopes)
{
    /// <summary>Finds the unit through which the DMA of a function goes.</summary>
    /// <param name="units">All units.</param>
    /// <param name="function">The function.</param>
    /// <param name="bridges">Reads the bus numbers of bridges.</param>
    /// <returns>The unit, or null where none has it.</returns>
    public static DmarUnit? FindFor(IReadOnlyList<DmarUnit> units, PciAddress function, PciBridgeReader bridges) =>
        units.FirstOrDefault(u => u.Scopes.Any(s => s.Covers(function, bridges)))
        ?? units.FirstOrDefault(u => u.IncludesAll && u.Segment == function.Segment);
}
