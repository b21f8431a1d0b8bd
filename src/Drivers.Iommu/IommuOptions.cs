namespace Makatea.Drivers.Iommu;

/// <summary>How remapping units are driven.</summary>
public sealed record IommuOptions
{
    /// <summary>
    /// Reads the bus numbers of bridges, which firmware names devices by. Without it, devices that are named by way of a bridge are found in no unit of their own; they
    /// stay blocked.
    /// </summary>
    public PciBridgeReader Bridges { get; init; } = _ => null;

    /// <summary>How long a unit may take for one command before it counts as failed.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Entries of each unit's interrupt remapping table, 16 bytes each: a power of two from 256 to 65536.</summary>
    public int InterruptEntries { get; init; } = 1024;

    /// <summary>
    /// Hands out interrupt messages as the machine makes them where a unit cannot remap interrupts. A device behind it can then raise any vector of any processor.
    /// </summary>
    public bool AllowUnprotectedInterrupts { get; init; }
}
