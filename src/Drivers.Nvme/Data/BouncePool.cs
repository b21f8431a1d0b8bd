using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>A queue's buffers for data that the controller cannot reach or that it has no words for.</summary>
internal sealed class BouncePool : IDisposable
{
    /// <summary>Length of a buffer: the largest block that there is.</summary>
    internal const int BufferLength = 65536;

    private readonly DmaMemory _memory;
    private readonly int[] _free;
    private int _freeCount;

    internal BouncePool(DmaSpace space, int length)
    {
        _memory = space.Allocate((ulong)length);
        _freeCount = length / BufferLength;
        _free = [.. Enumerable.Range(0, _freeCount)];
    }

    /// <summary>How many bytes were copied.</summary>
    internal long CopiedBytes { get; private set; }

    internal bool TryRent(out int buffer)
    {
        buffer = _freeCount == 0 ? -1 : _free[--_freeCount];
        return buffer >= 0;
    }

    internal void Return(int buffer) => _free[_freeCount++] = buffer;

    internal ulong IovaOf(int buffer) => _memory.Iova + ((ulong)buffer * BufferLength);

    /// <summary>Copies from the scatter list, which is long enough.</summary>
    internal void Fill(int buffer, ReadOnlySpan<MemorySegment> segments, ScatterCursor cursor, int length)
    {
        Span<byte> left = Bytes(buffer, length);
        while (!left.IsEmpty && cursor.TryTake(segments, left.Length, out MemorySegment piece))
        {
            piece.AsSpan().CopyTo(left);
            left = left[piece.Length..];
        }

        CopiedBytes += length;
    }

    /// <summary>Copies to the scatter list, which is long enough.</summary>
    internal void Drain(int buffer, ReadOnlySpan<MemorySegment> segments, ScatterCursor cursor, int length)
    {
        ReadOnlySpan<byte> left = Bytes(buffer, length);
        while (!left.IsEmpty && cursor.TryTake(segments, left.Length, out MemorySegment piece))
        {
            left[..piece.Length].CopyTo(piece.AsSpan());
            left = left[piece.Length..];
        }

        CopiedBytes += length;
    }

    public void Dispose() => _memory.Dispose();

    private Span<byte> Bytes(int buffer, int length) => _memory.Slice((ulong)buffer * BufferLength, length).AsSpan();
}
