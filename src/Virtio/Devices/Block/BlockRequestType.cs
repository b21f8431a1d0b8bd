namespace Makatea.Virtio.Block;

/// <summary>Types of requests ([VIRTIO-1.3] 5.2.6).</summary>
internal static class BlockRequestType
{
    /// <summary>VIRTIO_BLK_T_IN.</summary>
    public const uint In = 0;

    /// <summary>VIRTIO_BLK_T_OUT.</summary>
    public const uint Out = 1;

    /// <summary>VIRTIO_BLK_T_FLUSH.</summary>
    public const uint Flush = 4;

    /// <summary>VIRTIO_BLK_T_GET_ID.</summary>
    public const uint GetId = 8;

    /// <summary>VIRTIO_BLK_T_GET_LIFETIME.</summary>
    public const uint GetLifetime = 10;

    /// <summary>VIRTIO_BLK_T_DISCARD.</summary>
    public const uint Discard = 11;

    /// <summary>VIRTIO_BLK_T_WRITE_ZEROES.</summary>
    public const uint WriteZeroes = 13;

    /// <summary>VIRTIO_BLK_T_SECURE_ERASE.</summary>
    public const uint SecureErase = 14;
}

/// <summary>The status byte that ends every request ([VIRTIO-1.3] 5.2.6).</summary>
internal static class BlockRequestStatus
{
    /// <summary>VIRTIO_BLK_S_OK.</summary>
    public const byte Ok = 0;

    /// <summary>VIRTIO_BLK_S_IOERR.</summary>
    public const byte IoError = 1;

    /// <summary>VIRTIO_BLK_S_UNSUPP.</summary>
    public const byte Unsupported = 2;
}
