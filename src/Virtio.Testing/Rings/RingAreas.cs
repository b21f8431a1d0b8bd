using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>The three areas of a virtqueue in guest memory.</summary>
/// <param name="Size">Number of descriptors.</param>
/// <param name="IsPacked">Whether the areas are those of a packed ring.</param>
/// <param name="Descriptors">Descriptor table or ring.</param>
/// <param name="Driver">Available ring (split) or driver event suppression (packed).</param>
/// <param name="Device">Used ring (split) or device event suppression (packed).</param>
public sealed record RingAreas(ushort Size, bool IsPacked, GuestBuffer Descriptors, GuestBuffer Driver, GuestBuffer Device)
{
    /// <summary>Takes zeroed areas with the standard's sizes and alignment ([VIRTIO-1.3] 2.7, 2.8.10.1).</summary>
    /// <param name="arena">Where.</param>
    /// <param name="size">Number of descriptors.</param>
    /// <param name="packed">For a packed ring.</param>
    /// <param name="region">Index of the arena's region.</param>
    public static RingAreas Allocate(GuestArena arena, ushort size, bool packed, int region = 0) =>
        packed
            ? new(size, true, arena.Allocate(16 * size, 64, region), arena.Allocate(4, 64, region), arena.Allocate(4, 64, region))
            : new(size, false, arena.Allocate(16 * size, 64, region), arena.Allocate(6 + (2 * size), 64, region), arena.Allocate(6 + (8 * size), 64, region));

    /// <summary>What the device's side of the same ring needs, without doorbells.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="features">Features negotiated.</param>
    /// <param name="host">Makes doorbells for the device.</param>
    public QueueSetup ToQueueSetup(GuestMemory memory, ulong features, ComponentHost host) => new()
    {
        Index = 0,
        Size = Size,
        Features = features,
        Memory = memory,
        DescriptorArea = Descriptors.Segment,
        DriverArea = Driver.Segment,
        DeviceArea = Device.Segment,
        Host = host,
    };

    /// <summary>Clears all areas, as before the queue is set up anew.</summary>
    public void Clear()
    {
        Descriptors.AsSpan().Clear();
        Driver.AsSpan().Clear();
        Device.AsSpan().Clear();
    }
}
