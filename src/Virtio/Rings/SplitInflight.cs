using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// One split queue's part of the in-flight region: which buffers were popped and not given back, kept where it survives us
/// (vhost-user, "Inflight I/O tracking", QueueRegionSplit).
/// <code>
///  0: u64 features | 8: u16 version | 10: u16 desc_num | 12: u16 last_batch_head | 14: u16 used_idx
/// 16: { 0: u8 inflight | 6: u16 next | 8: u64 counter } desc[desc_num]              16 bytes a descriptor
/// </code>
/// The order of stores is the protocol's: whichever of them a crash falls between, the next one to open the region can tell
/// which buffers were given back. The default value tracks nothing.
/// </summary>
internal struct SplitInflight : IDisposable
{
    private const nuint VersionOffset = 8;
    private const nuint SizeOffset = 10;
    private const nuint LastBatchHeadOffset = 12;
    private const nuint UsedIndexOffset = 14;
    private const nuint EntriesOffset = 16;
    private const nuint NextOffset = 6;
    private const nuint CounterOffset = 8;
    private const int EntrySize = 16;

    private readonly SharedMemory _region;
    private readonly NativeArray<ushort>? _batch;
    private readonly ushort _size;
    private NativeArray<ushort>? _resubmit;
    private int _resubmitNext;
    private int _batchLength;
    private ulong _counter;

    /// <summary>Opens the region of a queue of <paramref name="size"/> descriptors.</summary>
    /// <exception cref="ArgumentException">The region is too short.</exception>
    public SplitInflight(MemorySegment region, ushort size)
    {
        _region = RingArea.Check(region, RegionSize(size), 8, "in-flight region");
        _size = size;
        _batch = new NativeArray<ushort>(size);
    }

    /// <summary>There is a region to track in.</summary>
    public readonly bool IsTracking => _batch is not null;

    /// <summary>Number of buffers that wait to be popped again.</summary>
    public readonly int ToResubmit => _resubmit is null ? 0 : _resubmit.Length - _resubmitNext;

    /// <summary>Bytes needed for a queue of <paramref name="size"/> descriptors.</summary>
    public static int RegionSize(ushort size) => (int)EntriesOffset + (EntrySize * size);

    /// <summary>Finishes what a crash interrupted and finds the buffers to pop again, in the order in which they were popped first.</summary>
    /// <param name="usedIndex">The used ring's index as it is in the guest's memory.</param>
    public RingFault Recover(ushort usedIndex)
    {
        if (_region.AcquireUInt16(VersionOffset) == 0)
        {
            _region.ReleaseUInt16(SizeOffset, _size);
            _region.ReleaseUInt16(UsedIndexOffset, usedIndex);
            _region.ReleaseUInt16(VersionOffset, 1);
            return RingFault.None;
        }

        if (_region.AcquireUInt16(VersionOffset) != 1 || _region.AcquireUInt16(SizeOffset) != _size)
        {
            return RingFault.InflightCorrupt;
        }

        int published = (ushort)(usedIndex - _region.AcquireUInt16(UsedIndexOffset));
        if (published > _size)
        {
            return RingFault.InflightCorrupt;
        }

        // The batch was shown to the driver, but its entries may still be marked.
        ushort entry = _region.AcquireUInt16(LastBatchHeadOffset);
        for (int i = 0; i < published; i++)
        {
            if (entry >= _size)
            {
                return RingFault.InflightCorrupt;
            }

            _region.ReleaseByte(Entry(entry), 0);
            entry = _region.AcquireUInt16(Entry(entry) + NextOffset);
        }

        _region.ReleaseUInt16(UsedIndexOffset, usedIndex);
        CollectResubmits();
        return RingFault.None;
    }

    /// <summary>The next buffer to pop again.</summary>
    public ushort TakeResubmit() => _resubmit![_resubmitNext++];

    /// <summary>A buffer was popped for the first time. One popped again keeps its place, lest another crash reorders them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Popped(ushort head)
    {
        if (_batch is not null)
        {
            _region.ReleaseUInt64(Entry(head) + CounterOffset, _counter++);
            _region.ReleaseByte(Entry(head), 1);
        }
    }

    /// <summary>A buffer was put into the used ring and not shown yet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Pushed(ushort head)
    {
        if (_batch is not null)
        {
            _region.ReleaseUInt16(Entry(head) + NextOffset, _region.AcquireUInt16(LastBatchHeadOffset));
            _region.ReleaseUInt16(LastBatchHeadOffset, head);
            _batch[_batchLength++] = head;
        }
    }

    /// <summary>All buffers pushed were shown to the driver by moving the used index to <paramref name="usedIndex"/>.</summary>
    public void Published(ushort usedIndex)
    {
        if (_batch is null)
        {
            return;
        }

        foreach (ushort head in _batch.AsSpan(0, _batchLength))
        {
            _region.ReleaseByte(Entry(head), 0);
        }

        _batchLength = 0;
        _region.ReleaseUInt16(UsedIndexOffset, usedIndex);
    }

    /// <inheritdoc/>
    public readonly void Dispose()
    {
        _batch?.Dispose();
        _resubmit?.Dispose();
    }

    private static nuint Entry(ushort head) => EntriesOffset + ((nuint)head * EntrySize);

    private void CollectResubmits()
    {
        List<(ulong Counter, ushort Head)> inflight = [];
        for (ushort head = 0; head < _size; head++)
        {
            if (_region.ReadByte(Entry(head)) == 1)
            {
                inflight.Add((_region.AcquireUInt64(Entry(head) + CounterOffset), head));
            }
        }

        inflight.Sort();
        _counter = inflight.Count == 0 ? 0 : inflight[^1].Counter + 1;
        _resubmit = new NativeArray<ushort>(inflight.Count);
        for (int i = 0; i < inflight.Count; i++)
        {
            _resubmit[i] = inflight[i].Head;
        }
    }
}
