using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// Buffers that were popped at once, so that their first bytes are on their way while others are looked at: those of one piece each, or one of several. One thread has it.
/// </summary>
internal sealed class BufferBatch : IDisposable
{
    /// <summary>Longest chain of descriptors, as QEMU's.</summary>
    public const int MaxSegments = 1024;

    private const int Size = 32;

    private readonly NativeArray<MemorySegment> _segments = new(MaxSegments + Size);
    private readonly NativeArray<DescriptorChain> _chains = new(Size);

    /// <summary>The pieces: of several buffers one each, in their order, or all of the only one.</summary>
    public Span<MemorySegment> Segments => _segments.AsSpan();

    /// <summary>The buffers, as many as were popped.</summary>
    public Span<DescriptorChain> Chains => _chains.AsSpan();

    /// <summary>Takes buffers of one piece each, or one of several.</summary>
    /// <returns>How many.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public int Pop<TRing>(ref TRing ring, int most)
        where TRing : struct, IDeviceRing
    {
        Span<MemorySegment> segments = _segments.AsSpan();
        Span<DescriptorChain> chains = _chains.AsSpan();
        most = Math.Min(most, Size);
        int count = ring.PopSingles(segments[..most], chains[..most]);
        if (count == 0 && ring.TryPop(segments[..MaxSegments], out chains[0]) == PopResult.Popped)
        {
            count = 1;
        }

        foreach (ref readonly MemorySegment segment in segments[..count])
        {
            segment.Prefetch();
        }

        return count;
    }

    /// <summary>Gives the last of what was popped back to the ring.</summary>
    public static void PutBack<TRing>(ref TRing ring, ReadOnlySpan<DescriptorChain> chains)
        where TRing : struct, IDeviceRing
    {
        for (int i = chains.Length - 1; i >= 0; i--)
        {
            ring.Unpop(in chains[i]);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _segments.Dispose();
        _chains.Dispose();
    }
}
