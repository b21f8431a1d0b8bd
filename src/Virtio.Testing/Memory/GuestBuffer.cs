using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>Memory of the test guest, by the address that the device sees and the one that the test sees.</summary>
/// <param name="Address">Guest-physical address of the first byte.</param>
/// <param name="Segment">The same bytes in this process.</param>
public readonly record struct GuestBuffer(ulong Address, MemorySegment Segment)
{
    /// <summary>Length in bytes.</summary>
    public int Length => Segment.Length;

    /// <summary>The bytes.</summary>
    public Span<byte> AsSpan() => Segment.AsSpan();

    /// <summary>Typed access to the bytes, each value read or written once.</summary>
    public SharedMemory AsShared() => new(Segment);

    /// <summary>As an element of a buffer in a ring.</summary>
    public GuestSegment AsElement() => new(Address, (uint)Length);

    /// <summary>Part of the buffer.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside.</exception>
    public GuestBuffer Slice(int start, int length) => new(Address + (uint)start, Segment.Slice(start, length));
}
