namespace Makatea.Virtio.Testing;

/// <summary>Feature bits of virtio-blk as masks ([VIRTIO-1.3] 5.2.3).</summary>
public static class BlkFeatures
{
    /// <summary>VIRTIO_BLK_F_SIZE_MAX.</summary>
    public const ulong SizeMax = 1ul << 1;

    /// <summary>VIRTIO_BLK_F_SEG_MAX.</summary>
    public const ulong SegmentMax = 1ul << 2;

    /// <summary>VIRTIO_BLK_F_RO.</summary>
    public const ulong ReadOnly = 1ul << 5;

    /// <summary>VIRTIO_BLK_F_BLK_SIZE.</summary>
    public const ulong BlockSize = 1ul << 6;

    /// <summary>VIRTIO_BLK_F_FLUSH.</summary>
    public const ulong Flush = 1ul << 9;

    /// <summary>VIRTIO_BLK_F_TOPOLOGY.</summary>
    public const ulong Topology = 1ul << 10;

    /// <summary>VIRTIO_BLK_F_CONFIG_WCE.</summary>
    public const ulong ConfigWriteCache = 1ul << 11;

    /// <summary>VIRTIO_BLK_F_MQ.</summary>
    public const ulong MultiQueue = 1ul << 12;

    /// <summary>VIRTIO_BLK_F_DISCARD.</summary>
    public const ulong Discard = 1ul << 13;

    /// <summary>VIRTIO_BLK_F_WRITE_ZEROES.</summary>
    public const ulong WriteZeroes = 1ul << 14;

    /// <summary>VIRTIO_BLK_F_LIFETIME.</summary>
    public const ulong Lifetime = 1ul << 15;

    /// <summary>VIRTIO_BLK_F_SECURE_ERASE.</summary>
    public const ulong SecureErase = 1ul << 16;

    /// <summary>All that <see cref="VirtioBlkDriver"/> can use.</summary>
    public const ulong All = SizeMax | SegmentMax | ReadOnly | BlockSize | Flush | Topology | ConfigWriteCache | MultiQueue
        | Discard | WriteZeroes | Lifetime | SecureErase;
}
