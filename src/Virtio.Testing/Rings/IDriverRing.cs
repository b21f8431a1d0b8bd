namespace Makatea.Virtio.Testing;

/// <summary>
/// The driver side of a virtqueue, the mirror of <see cref="IDeviceRing"/>. It allocates nothing after it was made, and checks
/// what the device does: whatever breaks the standard throws <see cref="DeviceMisbehavedException"/>.
/// </summary>
/// <remarks>One thread owns a ring. Rings are structs: keep one in a field, not in a copy.</remarks>
/// <typeparam name="TSelf">The ring itself.</typeparam>
public interface IDriverRing<TSelf>
    where TSelf : struct, IDriverRing<TSelf>
{
    /// <summary>Makes a ring.</summary>
    static abstract TSelf Create(DriverRingSetup setup);

    /// <summary>Number of descriptors.</summary>
    ushort Size { get; }

    /// <summary>Number of descriptors that are free.</summary>
    int Free { get; }

    /// <summary>Number of buffers that the device has, or will have after <see cref="Publish"/>.</summary>
    int Outstanding { get; }

    /// <summary>Where the driver stands: the next buffer made available, the next one expected used.</summary>
    RingPosition Position { get; }

    /// <summary>Puts buffers of two and more elements into indirect tables; false chains them in the ring.</summary>
    bool UseIndirect { get; set; }

    /// <summary>Adds a buffer. The device sees it after <see cref="Publish"/>.</summary>
    /// <param name="segments">Its elements, those that the device reads first; at least one.</param>
    /// <param name="readable">How many of them the device reads.</param>
    /// <param name="token">Given back by <see cref="TryGetUsed"/>.</param>
    /// <returns>False where the ring has not enough descriptors free.</returns>
    bool TryAdd(ReadOnlySpan<GuestSegment> segments, int readable, uint token);

    /// <summary>Makes all buffers added available to the device.</summary>
    /// <returns>Whether the device wants to be notified.</returns>
    bool Publish();

    /// <summary>Takes the next used buffer.</summary>
    /// <param name="token">As given to <see cref="TryAdd"/>.</param>
    /// <param name="length">Number of bytes that the device wrote.</param>
    /// <exception cref="DeviceMisbehavedException">The device broke the ring.</exception>
    bool TryGetUsed(out uint token, out uint length);

    /// <summary>Asks for a notification at the next used buffer, and looks once more.</summary>
    /// <returns>True where a buffer is used already, so that waiting would miss it.</returns>
    bool EnableCallbacks();

    /// <summary>Advises the device that the driver polls.</summary>
    void DisableCallbacks();

    /// <summary>What an available buffer notification carries with VIRTIO_F_NOTIFICATION_DATA ([VIRTIO-1.3] 2.9).</summary>
    uint NotificationData(ushort queueIndex);
}
