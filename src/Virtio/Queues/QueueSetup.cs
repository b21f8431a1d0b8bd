using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>Everything that a device needs to serve one virtqueue. The transport fills it and keeps what it refers to alive until the worker stopped.</summary>
public sealed class QueueSetup
{
    /// <summary>Index of the queue in its device.</summary>
    public required int Index { get; init; }

    /// <summary>Number of descriptors, 1 to 32,768; a power of two for split rings.</summary>
    public required ushort Size { get; init; }

    /// <summary>Features that device and driver agreed on.</summary>
    public required ulong Features { get; init; }

    /// <summary>The guest's memory.</summary>
    public required GuestMemory Memory { get; init; }

    /// <summary>Descriptor table (split, [VIRTIO-1.3] 2.7.5) or descriptor ring (packed, 2.8.13): 16 bytes a descriptor.</summary>
    public required MemorySegment DescriptorArea { get; init; }

    /// <summary>Available ring (split: 6 + 2 * size bytes) or driver event suppression (packed: 4 bytes).</summary>
    public required MemorySegment DriverArea { get; init; }

    /// <summary>Used ring (split: 6 + 8 * size bytes) or device event suppression (packed: 4 bytes).</summary>
    public required MemorySegment DeviceArea { get; init; }

    /// <summary>Where to go on.</summary>
    public RingPosition Position { get; init; } = RingPosition.Start;

    /// <summary>Rung by the driver; null where the device has to poll.</summary>
    public Doorbell? Kick { get; init; }

    /// <summary>Rung for the driver; null where it polls. Can be changed on the running worker.</summary>
    public Doorbell? Call { get; init; }

    /// <summary>Rung when the queue breaks.</summary>
    public Doorbell? Error { get; init; }

    /// <summary>This queue's part of the in-flight region (vhost-user, section "Inflight I/O tracking"), or null.</summary>
    public MemorySegment? Inflight { get; init; }

    /// <summary>Where to mark what the device writes, or null.</summary>
    public DirtyLog? DirtyLog { get; init; }

    /// <summary>Guest address at which writes to the used ring are logged (VHOST_VRING_F_LOG), or null.</summary>
    public ulong? UsedRingLogAddress { get; init; }

    /// <summary>Makes doorbells and waiters.</summary>
    public required ComponentHost Host { get; init; }
}
