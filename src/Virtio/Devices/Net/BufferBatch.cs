using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// Buffers that were popped at once, so that their first bytes are on their way while others are looked at. One thread has it.
/// </summary>
internal sealed class BufferBatch : IDisposable
{
    /// <summary>Longest chain of descriptors, as QEMU's.</summary>
    public const int MaxSegments = 1024;

    private const int Size = 32;

    private readonly NativeArray<TaggedSegment> _singles = new(Size);
    private readonly NativeArray<MemorySegment> _segments = new(MaxSegments);

    /// <summary>The buffers of one descriptor each, as many as were popped.</summary>
    public Span<TaggedSegment> Singles => _singles.AsSpan();

    /// <summary>Room for the pieces of one buffer.</summary>
    public Span<MemorySegment> Segments => _segments.AsSpan();

    /// <summary>Takes buffers of one descriptor each.</summary>
    /// <returns>How many.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public int Pop<TRing>(ref TRing ring, int most, out ushort sequence)
        where TRing : struct, IDeviceRing
    {
        Span<TaggedSegment> singles = _singles.AsSpan();
        int count = ring.PopSingles(singles[..Math.Min(most, Size)], out sequence);
        foreach (ref readonly TaggedSegment buffer in singles[..count])
        {
            buffer.Segment.Prefetch();
        }

        return count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _singles.Dispose();
        _segments.Dispose();
    }
}
