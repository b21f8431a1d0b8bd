namespace Makatea.Virtio.Testing;

/// <summary>Types of virtio-blk requests ([VIRTIO-1.3] 5.2.6).</summary>
public enum BlkRequestType : uint
{
    /// <summary>VIRTIO_BLK_T_IN.</summary>
    Read = 0,

    /// <summary>VIRTIO_BLK_T_OUT.</summary>
    Write = 1,

    /// <summary>VIRTIO_BLK_T_FLUSH.</summary>
    Flush = 4,

    /// <summary>VIRTIO_BLK_T_GET_ID.</summary>
    GetId = 8,

    /// <summary>VIRTIO_BLK_T_GET_LIFETIME.</summary>
    GetLifetime = 10,

    /// <summary>VIRTIO_BLK_T_DISCARD.</summary>
    Discard = 11,

    /// <summary>VIRTIO_BLK_T_WRITE_ZEROES.</summary>
    WriteZeroes = 13,

    /// <summary>VIRTIO_BLK_T_SECURE_ERASE.</summary>
    SecureErase = 14,
}

/// <summary>Status of a virtio-blk request.</summary>
public enum BlkStatus : byte
{
    /// <summary>VIRTIO_BLK_S_OK.</summary>
    Ok = 0,

    /// <summary>VIRTIO_BLK_S_IOERR.</summary>
    IoError = 1,

    /// <summary>VIRTIO_BLK_S_UNSUPP.</summary>
    Unsupported = 2,

    /// <summary>Not a status: what the driver puts there before, so that a device which writes none is found out.</summary>
    NotWritten = 0xff,
}
