namespace Makatea.Virtio;

/// <summary>
/// A buffer that the driver made available, popped: its segments are the first <see cref="Readable"/> plus
/// <see cref="Writable"/> entries of the span given to <see cref="IDeviceRing.TryPop"/>.
/// </summary>
public struct DescriptorChain
{
    /// <summary>Head descriptor's index (split) or buffer ID (packed); names the buffer when it is pushed.</summary>
    public ushort Id;

    /// <summary>Number of ring slots that the buffer took; more than 1 only for a chain in a packed ring's own descriptors.</summary>
    public ushort Slots;

    /// <summary>Position in the order in which buffers were popped, for rings that give them back in order.</summary>
    public ushort Sequence;

    /// <summary>The buffer's entry in the in-flight region; only where there is one.</summary>
    internal ushort InflightEntry;

    /// <summary>Number of segments that the device reads; they come first.</summary>
    public ushort Readable;

    /// <summary>Number of segments that the device writes.</summary>
    public ushort Writable;

    /// <summary>Sum of the lengths of the readable segments in bytes.</summary>
    public uint ReadableBytes;

    /// <summary>Sum of the lengths of the writable segments in bytes.</summary>
    public uint WritableBytes;
}
