using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>Empty buffers that the port's user supplied. The last ones come first: they are in the cache. One thread has it.</summary>
internal sealed class BufferStore(int capacity) : IDisposable
{
    private readonly NativeArray<NetBuffer> _buffers = new(capacity);

    /// <summary>Number of buffers.</summary>
    public int Count { get; private set; }

    /// <summary>The buffers, the next one last; for loops over batches.</summary>
    public ReadOnlySpan<NetBuffer> All
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _buffers.AsSpan()[..Count];
    }

    /// <summary>Takes buffers in, from the first on.</summary>
    /// <returns>How many fit.</returns>
    public int Add(ReadOnlySpan<NetBuffer> buffers)
    {
        Span<NetBuffer> room = _buffers.AsSpan()[Count..];
        buffers = buffers[..Math.Min(buffers.Length, room.Length)];
        buffers.CopyTo(room);
        Count += buffers.Length;
        return buffers.Length;
    }

    /// <summary>The buffer that is next; only where there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref readonly NetBuffer Peek() => ref _buffers[Count - 1];

    /// <summary>The next is used.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take() => Count--;

    /// <summary>The next ones are used; only where there are as many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int count) => Count -= count;

    /// <inheritdoc/>
    public void Dispose() => _buffers.Dispose();
}
