using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// Holds buffers that the device finished early until all popped before them are finished: VIRTIO_F_IN_ORDER
/// ([VIRTIO-1.3] 2.7.9, 2.8.9). Entries are found by sequence number; at most a ring's size are outstanding, so they cannot collide.
/// </summary>
internal struct InOrderWindow : IDisposable
{
    private readonly NativeArray<Entry> _entries;
    private readonly int _mask;
    private ushort _next;
    private int _held;

    /// <summary>For a ring of <paramref name="size"/> buffers, of which the next popped has sequence number 0.</summary>
    public InOrderWindow(int size)
    {
        int capacity = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)size);
        _entries = new NativeArray<Entry>(capacity);
        _mask = capacity - 1;
    }

    /// <summary>Lets the oldest buffer through without putting it in, where none that came after it waits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryPass(ushort sequence) => TryPass(sequence, 1);

    /// <summary>Lets the oldest buffers through, which follow each other, without putting them in, where none that came after them waits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryPass(ushort sequence, int count)
    {
        if (sequence != _next || _held != 0)
        {
            return false;
        }

        _next += (ushort)count;
        return true;
    }

    /// <summary>Puts a finished buffer in.</summary>
    public void Add(in DescriptorChain chain, uint written)
    {
        ref Entry entry = ref _entries[chain.Sequence & _mask];
        entry.Chain = chain;
        entry.Written = written;
        entry.IsFinished = true;
        _held++;
    }

    /// <summary>Takes the oldest buffer out if it is finished.</summary>
    public bool TryTake(out DescriptorChain chain, out uint written)
    {
        ref Entry entry = ref _entries[_next & _mask];
        chain = entry.Chain;
        written = entry.Written;
        if (!entry.IsFinished)
        {
            return false;
        }

        entry.IsFinished = false;
        _held--;
        _next++;
        return true;
    }

    /// <inheritdoc/>
    public readonly void Dispose() => _entries?.Dispose();

    private struct Entry
    {
        public DescriptorChain Chain;
        public uint Written;
        public bool IsFinished;
    }
}
