namespace Makatea.Virtio.Block;

/// <summary>Feature bits of a block device ([VIRTIO-1.3] 5.2.3), as masks.</summary>
internal static class BlockFeatures
{
    /// <summary>VIRTIO_BLK_F_SIZE_MAX: size_max holds the largest segment.</summary>
    public const ulong SizeMax = 1ul << 1;

    /// <summary>VIRTIO_BLK_F_SEG_MAX: seg_max holds the most segments of a request.</summary>
    public const ulong SegmentMax = 1ul << 2;

    /// <summary>VIRTIO_BLK_F_RO: the device is read-only.</summary>
    public const ulong ReadOnly = 1ul << 5;

    /// <summary>VIRTIO_BLK_F_BLK_SIZE: blk_size holds the block size.</summary>
    public const ulong BlockSize = 1ul << 6;

    /// <summary>VIRTIO_BLK_F_FLUSH: the device takes flushes.</summary>
    public const ulong Flush = 1ul << 9;

    /// <summary>VIRTIO_BLK_F_TOPOLOGY: the topology fields are valid.</summary>
    public const ulong Topology = 1ul << 10;

    /// <summary>VIRTIO_BLK_F_CONFIG_WCE: the driver may switch the write cache.</summary>
    public const ulong ConfigWriteCache = 1ul << 11;

    /// <summary>VIRTIO_BLK_F_MQ: num_queues holds the number of queues.</summary>
    public const ulong MultiQueue = 1ul << 12;

    /// <summary>VIRTIO_BLK_F_DISCARD: the device takes discards.</summary>
    public const ulong Discard = 1ul << 13;

    /// <summary>VIRTIO_BLK_F_WRITE_ZEROES: the device writes zeroes.</summary>
    public const ulong WriteZeroes = 1ul << 14;

    /// <summary>VIRTIO_BLK_F_LIFETIME: the device tells its wear.</summary>
    public const ulong Lifetime = 1ul << 15;

    /// <summary>VIRTIO_BLK_F_SECURE_ERASE: the device erases securely.</summary>
    public const ulong SecureErase = 1ul << 16;
}
