namespace Makatea.Virtio;

/// <summary>Feature bits that belong to no one device ([VIRTIO-1.3] 6), as masks.</summary>
public static class VirtioFeatures
{
    /// <summary>VIRTIO_F_INDIRECT_DESC: descriptors may point to tables of descriptors.</summary>
    public const ulong IndirectDescriptors = 1ul << 28;

    /// <summary>VIRTIO_F_EVENT_IDX: notifications are suppressed by ring index.</summary>
    public const ulong EventIndex = 1ul << 29;

    /// <summary>VIRTIO_F_VERSION_1: the standard and not what came before it.</summary>
    public const ulong Version1 = 1ul << 32;

    /// <summary>VIRTIO_F_ACCESS_PLATFORM: addresses are IOVAs.</summary>
    public const ulong AccessPlatform = 1ul << 33;

    /// <summary>VIRTIO_F_RING_PACKED: packed virtqueues.</summary>
    public const ulong PackedRing = 1ul << 34;

    /// <summary>VIRTIO_F_IN_ORDER: buffers are used in the order in which they were made available.</summary>
    public const ulong InOrder = 1ul << 35;

    /// <summary>VIRTIO_F_ORDER_PLATFORM: the driver orders memory accesses as for a device that is no CPU.</summary>
    public const ulong OrderPlatform = 1ul << 36;

    /// <summary>
    /// VIRTIO_F_NOTIFICATION_DATA: available notifications carry the ring's position. A property of transports whose notifications carry
    /// anything; doorbells carry nothing, so vhost-user does not offer it.
    /// </summary>
    public const ulong NotificationData = 1ul << 38;

    /// <summary>VIRTIO_F_RING_RESET: queues can be reset one by one.</summary>
    public const ulong RingReset = 1ul << 40;

    /// <summary>All ring features that our queues implement; a device adds its own.</summary>
    public const ulong Rings = IndirectDescriptors | EventIndex | Version1 | PackedRing | InOrder | RingReset;
}
