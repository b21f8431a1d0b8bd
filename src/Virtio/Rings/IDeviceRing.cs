using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// The device side of a virtqueue. Split and packed rings implement it as structs, and devices are generic over it, so
/// that each device on each ring compiles to its own code without virtual calls.
/// </summary>
/// <remarks>
/// One thread owns a ring. A cycle is: pop until empty, work, push, publish once, ring the call doorbell if publish says so; before sleeping,
/// <see cref="EnableNotifications"/> and look again.
/// </remarks>
public interface IDeviceRing
{
    /// <summary>Number of descriptors.</summary>
    ushort Size { get; }

    /// <summary>How the driver broke the ring, if it did.</summary>
    RingFault Fault { get; }

    /// <summary>Where the device stands.</summary>
    RingPosition Position { get; }

    /// <summary>Number of buffers popped and not yet pushed.</summary>
    int Outstanding { get; }

    /// <summary>
    /// Takes the next available buffer, checks and translates its whole chain: each field is read once, and what was read is what is used.
    /// </summary>
    /// <param name="segments">Receives the chain's segments, those to read first; as long as the longest chain that the device takes.</param>
    /// <param name="chain">Describes the buffer.</param>
    PopResult TryPop(Span<MemorySegment> segments, out DescriptorChain chain);

    /// <summary>
    /// Takes buffers that have one descriptor each, as <see cref="TryPop"/> would, until one is not the plain case: then, as where there is none or the ring is broken, TryPop tells. One call costs
    /// less than many.
    /// </summary>
    /// <param name="buffers">Receives the buffers; see <see cref="SingleBuffers"/> for what else is known of them.</param>
    /// <param name="sequence">Position of the first in the order in which buffers were popped; the others follow it.</param>
    /// <returns>How many were taken.</returns>
    int PopSingles(Span<TaggedSegment> buffers, out ushort sequence);

    /// <summary>
    /// Puts the buffer that was popped last back, as if it had not been: where it turns out that others are needed with it that are not there yet. Not where in-flight buffers are
    /// tracked.
    /// </summary>
    /// <param name="chain">As popped. Of several, the last is put back first.</param>
    void Unpop(in DescriptorChain chain);

    /// <summary>Gives a buffer back. The driver sees it after <see cref="Publish"/>.</summary>
    /// <param name="chain">As popped.</param>
    /// <param name="written">Number of bytes written from the start of the writable segments.</param>
    void Push(in DescriptorChain chain, uint written);

    /// <summary>Puts the last of what <see cref="PopSingles"/> took back, as <see cref="Unpop"/> does.</summary>
    void UnpopSingles(int count);

    /// <summary>Gives back buffers that <see cref="PopSingles"/> took and that the device reads, in the order in which they were popped, as <see cref="Push"/> would. One call costs less than many.</summary>
    /// <param name="buffers">As popped.</param>
    /// <param name="sequence">Position of the first in the order in which buffers were popped; the others follow it.</param>
    void PushRead(ReadOnlySpan<TaggedSegment> buffers, ushort sequence);

    /// <summary>The same for buffers that the device writes.</summary>
    /// <param name="buffers">As popped, but shortened to the bytes that were written.</param>
    /// <param name="sequence">Position of the first in the order in which buffers were popped; the others follow it.</param>
    void PushWritten(ReadOnlySpan<TaggedSegment> buffers, ushort sequence);

    /// <summary>Shows all buffers pushed to the driver.</summary>
    /// <returns>Whether the driver wants to be notified.</returns>
    bool Publish();

    /// <summary>Asks the driver for notifications and looks at the ring again.</summary>
    /// <returns>True where a buffer is available already, so that sleeping would miss it.</returns>
    bool EnableNotifications();

    /// <summary>The device gives the ring up because of what a buffer held; nothing more is popped.</summary>
    void Break(RingFault fault);

    /// <summary>Tells the driver that the device polls and needs no notifications.</summary>
    void DisableNotifications();
}
