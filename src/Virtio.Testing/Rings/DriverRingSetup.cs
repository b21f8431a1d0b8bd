namespace Makatea.Virtio.Testing;

/// <summary>What the driver side of a ring is made from.</summary>
public sealed record DriverRingSetup
{
    /// <summary>Where the ring is.</summary>
    public required RingAreas Areas { get; init; }

    /// <summary>Features negotiated.</summary>
    public required ulong Features { get; init; }

    /// <summary>
    /// Memory for indirect tables, one of <see cref="MaxIndirectSegments"/> descriptors for each descriptor of the ring; null where buffers of several
    /// elements are chained in the ring itself.
    /// </summary>
    public GuestBuffer? IndirectTables { get; init; }

    /// <summary>Number of descriptors in one indirect table.</summary>
    public int MaxIndirectSegments { get; init; }

    /// <summary>Where to start; the device's side starts there too.</summary>
    public RingPosition Position { get; init; } = RingPosition.Start;

    /// <summary>Takes a ring from an arena, and tables where <paramref name="maxIndirectSegments"/> is not 0.</summary>
    public static DriverRingSetup Allocate(GuestArena arena, ushort size, ulong features, int maxIndirectSegments = 0, int region = 0) => new()
    {
        Areas = RingAreas.Allocate(arena, size, (features & VirtioFeatures.PackedRing) != 0, region),
        Features = features,
        IndirectTables = maxIndirectSegments == 0 ? null : arena.Allocate(size * maxIndirectSegments * 16, 64, region),
        MaxIndirectSegments = maxIndirectSegments,
    };
}
