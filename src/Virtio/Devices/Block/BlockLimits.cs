using Makatea.Platform;

namespace Makatea.Virtio.Block;

/// <summary>What requests are checked against: the limits that configuration space announces, at one moment.</summary>
internal sealed record BlockLimits
{
    /// <summary>
    /// Most data segments of a request (seg_max): with header and status they fit QEMU's queue of 128, which a driver without indirect
    /// descriptors has to chain them in. Linux's takes seg_max without looking at the queue's size, and then stalls.
    /// </summary>
    public const int MaxSegments = 126;

    /// <summary>Most sectors of a discard or of zeroes written (max_discard_sectors, max_write_zeroes_sectors): 1 GiB.</summary>
    public const uint MaxRangeSectors = 1u << 21;

    /// <summary>Bytes of the string that GET_ID fills.</summary>
    public const int IdLength = 20;

    /// <summary>Capacity in sectors of 512 bytes.</summary>
    public required ulong SectorCount { get; init; }

    /// <summary>Requests start and end on multiples of so many sectors, less one.</summary>
    public required ulong BlockMask { get; init; }

    /// <summary>Requests that write are refused.</summary>
    public required bool IsReadOnly { get; init; }

    /// <summary>Features of the device.</summary>
    public required ulong Features { get; init; }

    /// <summary>The limits of a device with <paramref name="features"/>.</summary>
    public static BlockLimits Of(BlockDeviceInfo info, ulong features) => new()
    {
        SectorCount = info.SectorCount,
        BlockMask = (ulong)(info.BlockSize / BlockDevice.SectorSize) - 1,
        IsReadOnly = info.IsReadOnly,
        Features = features,
    };

    /// <summary>Whether the sectors are whole blocks inside the device.</summary>
    public bool Contains(ulong sector, ulong count) =>
        ((sector | count) & BlockMask) == 0 && sector <= SectorCount && count <= SectorCount - sector;
}
