namespace Makatea.Platform;

/// <summary>What a block device is and does.</summary>
public sealed record BlockDeviceInfo
{
    /// <summary>Capacity in sectors of 512 bytes.</summary>
    public required ulong SectorCount { get; init; }

    /// <summary>Nothing can be written.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>Smallest unit that the device reads and writes, in bytes: a power of two from 512 to 65,536. Requests keep to it.</summary>
    public int BlockSize { get; init; } = 512;

    /// <summary>Smallest unit written without reading first, in bytes: a power of two times <see cref="BlockSize"/>.</summary>
    public int PhysicalBlockSize { get; init; } = 512;

    /// <summary>Best size of a request in bytes; 0 where there is none.</summary>
    public int OptimalIoSize { get; init; }

    /// <summary>Writes may be lost until a flush.</summary>
    public bool HasVolatileCache { get; init; } = true;

    /// <summary><see cref="BlockOperation.Discard"/> is done; its granularity in bytes, or 0.</summary>
    public int DiscardGranularity { get; init; }

    /// <summary><see cref="BlockOperation.WriteZeroes"/> and <see cref="BlockOperation.WriteZeroesUnmap"/> are done.</summary>
    public bool SupportsWriteZeroes { get; init; }

    /// <summary><see cref="BlockOperation.SecureErase"/> is done.</summary>
    public bool SupportsSecureErase { get; init; }

    /// <summary>Wear of the device, where it tells.</summary>
    public BlockLifetime? Lifetime { get; init; }
}

/// <summary>Wear of a device, as in eMMC (JESD84-B50) and virtio-blk's GET_LIFETIME.</summary>
/// <param name="PreEolInfo">0 not defined, 1 normal, 2 80 % of the reserved blocks used, 3 90 %.</param>
/// <param name="EstimateA">Estimate for single-level cells: 0 not defined, 1 to 10 tenths of life used, 11 exceeded.</param>
/// <param name="EstimateB">Estimate for multi-level cells, likewise.</param>
public readonly record struct BlockLifetime(ushort PreEolInfo, ushort EstimateA, ushort EstimateB);
