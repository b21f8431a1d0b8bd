using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// One packed queue's part of the in-flight region (vhost-user, "Inflight I/O tracking", QueueRegionPacked). Used descriptors overwrite
/// the ring, so the region keeps copies of all descriptors that were popped, in entries of its own: a chain is a list of entries linked by next.
/// <code>
///  0: u64 features | 8: u16 version | 10: u16 desc_num | 12: u16 free_head | 14: u16 old_free_head
/// 16: u16 used_idx | 18: u16 old_used_idx | 20: u8 used_wrap_counter | 21: u8 old_used_wrap_counter | 22: padding
/// 32: { 0: u8 inflight | 2: u16 next | 4: u16 last | 6: u16 num | 8: u64 counter
///       16: u16 id | 18: u16 flags | 20: u32 len | 24: u64 addr } desc[desc_num]    32 bytes a descriptor
/// </code>
/// Stores are in the protocol's order. The "old" fields are the state before the batch that is being published: after a crash they are
/// taken back, unless the ring shows that the batch was published. The default value tracks nothing.
/// </summary>
internal struct PackedInflight : IDisposable
{
    private const nuint VersionOffset = 8;
    private const nuint SizeOffset = 10;
    private const nuint FreeHeadOffset = 12;
    private const nuint OldFreeHeadOffset = 14;
    private const nuint UsedIndexOffset = 16;
    private const nuint OldUsedIndexOffset = 18;
    private const nuint UsedWrapOffset = 20;
    private const nuint OldUsedWrapOffset = 21;
    private const nuint EntriesOffset = 32;
    private const int EntrySize = 32;
    private const nuint NextOffset = 2;
    private const nuint LastOffset = 4;
    private const nuint CountOffset = 6;
    private const nuint CounterOffset = 8;
    private const nuint IdOffset = 16;
    private const nuint FlagsOffset = 18;
    private const nuint LengthOffset = 20;
    private const nuint AddressOffset = 24;

    private readonly SharedMemory _region;
    private readonly NativeArray<ushort>? _batch;
    private readonly ushort _size;
    private NativeArray<ushort>? _resubmit;
    private int _resubmitNext;
    private int _batchLength;
    private ulong _counter;
    private ushort _freeHead;
    private ushort _chainHead;
    private ushort _chainLast;
    private ushort _chainLength;

    /// <summary>Opens the region of a queue of <paramref name="size"/> descriptors.</summary>
    /// <exception cref="ArgumentException">The region is too short.</exception>
    public PackedInflight(MemorySegment region, ushort size)
    {
        _region = RingArea.Check(region, RegionSize(size), 8, "in-flight region");
        _size = size;
        _batch = new NativeArray<ushort>(size);
    }

    /// <summary>There is a region to track in.</summary>
    public readonly bool IsTracking => _batch is not null;

    /// <summary>Number of buffers that wait to be popped again.</summary>
    public readonly int ToResubmit => _resubmit is null ? 0 : _resubmit.Length - _resubmitNext;

    /// <summary>Number of ring slots that the buffers to pop again take.</summary>
    public int SlotsToResubmit { get; private set; }

    /// <summary>Bytes needed for a queue of <paramref name="size"/> descriptors.</summary>
    public static int RegionSize(ushort size) => (int)EntriesOffset + (EntrySize * size);

    /// <summary>Finishes or takes back what a crash interrupted and finds the buffers to pop again.</summary>
    /// <param name="ring">The descriptor ring.</param>
    /// <param name="used">Next used slot; comes from the region where that was in use before.</param>
    /// <param name="usedWrap">Its wrap counter, likewise.</param>
    public RingFault Recover(SharedMemory ring, ref ushort used, ref bool usedWrap)
    {
        if (_region.AcquireUInt16(VersionOffset) == 0)
        {
            Initialise(used, usedWrap);
            return RingFault.None;
        }

        if (_region.AcquireUInt16(VersionOffset) != 1 || _region.AcquireUInt16(SizeOffset) != _size)
        {
            return RingFault.InflightCorrupt;
        }

        ushort oldUsed = _region.AcquireUInt16(OldUsedIndexOffset);
        bool oldWrap = _region.ReadByte(OldUsedWrapOffset) != 0;
        ushort newUsed = _region.AcquireUInt16(UsedIndexOffset);
        bool newWrap = _region.ReadByte(UsedWrapOffset) != 0;
        if (oldUsed >= _size || newUsed >= _size)
        {
            return RingFault.InflightCorrupt;
        }

        bool moved = newUsed != oldUsed || newWrap != oldWrap;
        if (moved && WasPublished(ring, oldUsed, oldWrap))
        {
            _region.ReleaseUInt16(OldFreeHeadOffset, _region.AcquireUInt16(FreeHeadOffset));
            _region.ReleaseUInt16(OldUsedIndexOffset, newUsed);
            _region.ReleaseByte(OldUsedWrapOffset, newWrap ? (byte)1 : (byte)0);
            (oldUsed, oldWrap) = (newUsed, newWrap);
        }

        _freeHead = _region.AcquireUInt16(OldFreeHeadOffset);
        _region.ReleaseUInt16(FreeHeadOffset, _freeHead);
        _region.ReleaseUInt16(UsedIndexOffset, oldUsed);
        _region.ReleaseByte(UsedWrapOffset, oldWrap ? (byte)1 : (byte)0);
        (used, usedWrap) = (oldUsed, oldWrap);
        return ClearFreeEntries() && CollectResubmits() ? RingFault.None : RingFault.InflightCorrupt;
    }

    /// <summary>The entry of the next buffer to pop again.</summary>
    public ushort TakeResubmit() => _resubmit![_resubmitNext++];

    /// <summary>Reads the copy of a descriptor.</summary>
    /// <returns>False where <paramref name="entry"/> is outside the region.</returns>
    public readonly bool TryRead(ushort entry, out ulong address, out ulong info, out ushort next)
    {
        if (entry >= _size)
        {
            (address, info, next) = (0, 0, 0);
            return false;
        }

        nuint offset = Entry(entry);
        address = _region.AcquireUInt64(offset + AddressOffset);
        info = _region.AcquireUInt32(offset + LengthOffset)
            | ((ulong)_region.AcquireUInt16(offset + IdOffset) << 32)
            | ((ulong)_region.AcquireUInt16(offset + FlagsOffset) << 48);
        next = _region.AcquireUInt16(offset + NextOffset);
        return true;
    }

    /// <summary>A chain is about to be copied.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StartChain()
    {
        _chainHead = _freeHead;
        _chainLength = 0;
    }

    /// <summary>Copies a descriptor of the chain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddDescriptor(ulong address, ulong info)
    {
        if (_batch is not null && _freeHead < _size)
        {
            nuint offset = Entry(_freeHead);
            _region.ReleaseUInt64(offset + AddressOffset, address);
            _region.ReleaseUInt32(offset + LengthOffset, (uint)info);
            _region.ReleaseUInt16(offset + IdOffset, (ushort)(info >> 32));
            _region.ReleaseUInt16(offset + FlagsOffset, (ushort)(info >> 48));
            _chainLast = _freeHead;
            _chainLength++;
            _freeHead = _region.AcquireUInt16(offset + NextOffset);
        }
    }

    /// <summary>The chain is whole: marks it.</summary>
    /// <returns>Its head's entry.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ushort FinishChain()
    {
        if (_batch is not null && _chainHead < _size)
        {
            nuint offset = Entry(_chainHead);
            _region.ReleaseUInt16(offset + LastOffset, _chainLast);
            _region.ReleaseUInt16(offset + CountOffset, _chainLength);
            _region.ReleaseUInt64(offset + CounterOffset, _counter++);
            _region.ReleaseByte(offset, 1);
            _region.ReleaseUInt16(FreeHeadOffset, _freeHead);

            // From here on the chain is popped; before, its head is still a free entry, which Recover clears.
            _region.ReleaseUInt16(OldFreeHeadOffset, _freeHead);
        }

        return _chainHead;
    }

    /// <summary>A buffer was put into the ring and not shown yet. Its entries are freed with the batch, lest a pop reuses them before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Pushed(ushort entry)
    {
        if (_batch is not null && entry < _size)
        {
            _batch[_batchLength++] = entry;
        }
    }

    /// <summary>The batch is about to be shown to the driver.</summary>
    /// <param name="used">Next used slot after the batch.</param>
    /// <param name="usedWrap">Its wrap counter.</param>
    public void Publishing(ushort used, bool usedWrap)
    {
        if (_batch is null)
        {
            return;
        }

        foreach (ushort entry in _batch.AsSpan(0, _batchLength))
        {
            ushort last = _region.AcquireUInt16(Entry(entry) + LastOffset);
            if (last < _size)
            {
                _region.ReleaseUInt16(Entry(last) + NextOffset, _freeHead);
                _freeHead = entry;
            }
        }

        _region.ReleaseUInt16(FreeHeadOffset, _freeHead);
        _region.ReleaseUInt16(UsedIndexOffset, used);
        _region.ReleaseByte(UsedWrapOffset, usedWrap ? (byte)1 : (byte)0);
    }

    /// <summary>The batch was shown.</summary>
    /// <param name="used">As given to <see cref="Publishing"/>.</param>
    /// <param name="usedWrap">Likewise.</param>
    public void Published(ushort used, bool usedWrap)
    {
        if (_batch is null)
        {
            return;
        }

        foreach (ushort entry in _batch.AsSpan(0, _batchLength))
        {
            _region.ReleaseByte(Entry(entry), 0);
        }

        _batchLength = 0;
        _region.ReleaseUInt16(OldFreeHeadOffset, _freeHead);
        _region.ReleaseUInt16(OldUsedIndexOffset, used);
        _region.ReleaseByte(OldUsedWrapOffset, usedWrap ? (byte)1 : (byte)0);
    }

    /// <inheritdoc/>
    public readonly void Dispose()
    {
        _batch?.Dispose();
        _resubmit?.Dispose();
    }

    private static nuint Entry(ushort entry) => EntriesOffset + ((nuint)entry * EntrySize);

    /// <summary>Whether the descriptor at the old used slot is no longer the available one that it was.</summary>
    private static bool WasPublished(SharedMemory ring, ushort slot, bool wrap)
    {
        uint flags = ring.AcquireUInt16(((nuint)slot * DescriptorFlags.DescriptorSize) + 14);
        bool available = (flags & DescriptorFlags.Available) != 0;
        bool used = (flags & DescriptorFlags.Used) != 0;
        return available != wrap || used == wrap;
    }

    private void Initialise(ushort used, bool usedWrap)
    {
        for (ushort entry = 0; entry < _size; entry++)
        {
            _region.ReleaseUInt16(Entry(entry) + NextOffset, (ushort)(entry + 1));
        }

        _region.ReleaseUInt16(SizeOffset, _size);
        _region.ReleaseUInt16(UsedIndexOffset, used);
        _region.ReleaseUInt16(OldUsedIndexOffset, used);
        _region.ReleaseByte(UsedWrapOffset, usedWrap ? (byte)1 : (byte)0);
        _region.ReleaseByte(OldUsedWrapOffset, usedWrap ? (byte)1 : (byte)0);
        _region.ReleaseUInt16(VersionOffset, 1);
    }

    /// <summary>Clears the mark of entries that a pop marked without coming to its end, or a publish freed.</summary>
    private readonly bool ClearFreeEntries()
    {
        int count = 0;
        for (ushort entry = _freeHead; entry < _size; entry = _region.AcquireUInt16(Entry(entry) + NextOffset))
        {
            _region.ReleaseByte(Entry(entry), 0);
            if (++count > _size)
            {
                return false;
            }
        }

        return true;
    }

    private bool CollectResubmits()
    {
        List<(ulong Counter, ushort Head)> inflight = [];
        for (ushort entry = 0; entry < _size; entry++)
        {
            if (_region.ReadByte(Entry(entry)) == 1)
            {
                inflight.Add((_region.AcquireUInt64(Entry(entry) + CounterOffset), entry));
                SlotsToResubmit += _region.AcquireUInt16(Entry(entry) + CountOffset);
            }
        }

        inflight.Sort();
        _counter = inflight.Count == 0 ? 0 : inflight[^1].Counter + 1;
        _resubmit = new NativeArray<ushort>(inflight.Count);
        for (int i = 0; i < inflight.Count; i++)
        {
            _resubmit[i] = inflight[i].Head;
        }

        return SlotsToResubmit <= _size;
    }
}
