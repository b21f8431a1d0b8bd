using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>Tags of frames that were transmitted, until the port's user takes them back. One thread has it.</summary>
internal sealed class TagStore : IDisposable
{
    private readonly NativeArray<int> _tags;
    private readonly int _capacity;
    private readonly int _mask;
    private int _head;
    private int _tail;

    public TagStore(int capacity)
    {
        _capacity = capacity;
        int size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)capacity);
        _tags = new NativeArray<int>(size);
        _mask = size - 1;
    }

    /// <summary>How many more fit.</summary>
    public int Free => _capacity - (_tail - _head);

    /// <summary>Takes the tags of frames in; they fit.</summary>
    public void Add(ReadOnlySpan<NetFrame> frames)
    {
        Span<int> tags = _tags.AsSpan();
        int tail = _tail;
        foreach (ref readonly NetFrame frame in frames)
        {
            tags[tail++ & _mask] = frame.Tag;
        }

        _tail = tail;
    }

    /// <summary>Gives tags back.</summary>
    public int Take(Span<int> tags)
    {
        int count = Math.Min(tags.Length, _tail - _head);
        Span<int> all = _tags.AsSpan();
        for (int i = 0; i < count; i++)
        {
            tags[i] = all[(_head + i) & _mask];
        }

        _head += count;
        return count;
    }

    /// <inheritdoc/>
    public void Dispose() => _tags.Dispose();
}
