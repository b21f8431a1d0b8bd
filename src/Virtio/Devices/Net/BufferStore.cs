using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>Empty buffers that the port's user supplied, in order. One thread has it.</summary>
internal sealed class BufferStore : IDisposable
{
    private readonly NativeArray<NetBuffer> _buffers;
    private readonly int _capacity;
    private readonly int _mask;
    private int _head;
    private int _tail;

    public BufferStore(int capacity)
    {
        _capacity = capacity;
        int size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)capacity);
        _buffers = new NativeArray<NetBuffer>(size);
        _mask = size - 1;
    }

    /// <summary>Number of buffers.</summary>
    public int Count => _tail - _head;

    /// <summary>Takes buffers in, from the first on.</summary>
    /// <returns>How many fit.</returns>
    public int Add(ReadOnlySpan<NetBuffer> buffers)
    {
        int count = Math.Min(buffers.Length, _capacity - Count);
        int at = _tail & _mask;
        int first = Math.Min(count, _mask + 1 - at);
        buffers[..first].CopyTo(_buffers.AsSpan()[at..]);
        buffers[first..count].CopyTo(_buffers.AsSpan());
        _tail += count;
        return count;
    }

    /// <summary>The buffer that is next; only where there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref readonly NetBuffer Peek() => ref _buffers[_head & _mask];

    /// <summary>The next is used.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take() => _head++;

    /// <inheritdoc/>
    public void Dispose() => _buffers.Dispose();
}
