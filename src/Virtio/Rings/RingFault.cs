namespace Makatea.Virtio;

/// <summary>The ways in which a driver can break a ring. Each ends the service of that queue and of nothing else.</summary>
public enum RingFault
{
    /// <summary>None.</summary>
    None,

    /// <summary>The available index moved by more than the queue's size.</summary>
    AvailableIndexJumped,

    /// <summary>An available entry names a descriptor outside the table.</summary>
    HeadOutOfRange,

    /// <summary>A descriptor's next field names a descriptor outside its table.</summary>
    NextOutOfRange,

    /// <summary>A chain is longer than the queue is large, so it loops.</summary>
    ChainLoops,

    /// <summary>A chain has more segments than the device takes.</summary>
    ChainTooLong,

    /// <summary>A chain's lengths add up to more than 2^32 - 1 bytes.</summary>
    ChainTooLarge,

    /// <summary>A descriptor that the device writes comes before one that it reads.</summary>
    ReadableAfterWritable,

    /// <summary>A descriptor has length 0.</summary>
    EmptyDescriptor,

    /// <summary>A buffer is not in the memory that the guest granted, or not with the rights needed.</summary>
    OutsideMemory,

    /// <summary>An indirect descriptor, and the feature was not negotiated.</summary>
    IndirectNotNegotiated,

    /// <summary>An indirect descriptor inside an indirect table.</summary>
    IndirectNested,

    /// <summary>A descriptor is indirect and has NEXT as well.</summary>
    IndirectWithNext,

    /// <summary>An indirect table's length is 0, no multiple of 16, or more than the queue allows.</summary>
    IndirectTableSize,

    /// <summary>The in-flight region names descriptors that cannot be.</summary>
    InflightCorrupt,

    /// <summary>More buffers are outstanding than the ring has descriptors.</summary>
    TooManyOutstanding,

    /// <summary>The device found a buffer too short for even the fixed parts of its request.</summary>
    RequestTooShort,
}
