using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tables;

/// <summary>Where the pages of tables come from.</summary>
/// <param name="physical">The machine's memory.</param>
/// <param name="isCoherent">All units look into the processor's caches when they read tables (ECAP.C).</param>
internal sealed class TableMemory(DmaSpace physical, bool isCoherent)
{
    /// <summary>Whether plain writes reach the units.</summary>
    internal bool IsCoherent => isCoherent;

    /// <summary>Pages that are in use.</summary>
    internal int Pages { get; set; }

    /// <summary>Makes an empty page.</summary>
    /// <exception cref="DmaException">There is no memory.</exception>
    internal TablePage Allocate()
    {
        DmaMemory memory = physical.Allocate(TablePage.Length);
        Pages++;
        return new TablePage(this, memory);
    }
}
