using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// The device side of a split virtqueue ([VIRTIO-1.3] 2.7).
/// <code>
/// descriptor area   0: le64 address | le32 length | le16 flags | le16 next         16 bytes a descriptor
/// driver area       0: le16 flags | 2: le16 idx | 4: le16 ring[size] | le16 used_event
/// device area       0: le16 flags | 2: le16 idx | 4: { le32 id | le32 length } ring[size] | le16 avail_event
/// </code>
/// Two fences are needed, because x86 lets a load pass an earlier store. After publishing the used index and before reading
/// used_event (or the flags): the driver does the mirror image, storing used_event and then reading the used index, so one of the two sees the other
/// (2.7.7.2, 2.7.10). After arming avail_event (or the flags) and before reading the available index again, likewise (2.7.10).
/// </summary>
public struct SplitRing : IDeviceRing, IDisposable
{
    private const nuint FlagsOffset = 0;
    private const nuint IndexOffset = 2;
    private const nuint EntriesOffset = 4;
    private const ushort NoInterrupt = 1;
    private const ushort NoNotify = 1;

    private readonly SharedMemory _descriptors;
    private readonly SharedMemory _available;
    private readonly SharedMemory _used;
    private readonly nuint _usedEventOffset;
    private readonly nuint _availableEventOffset;
    private readonly ushort _mask;
    private readonly bool _indirect;
    private readonly bool _eventIndex;
    private readonly bool _inOrder;
    private readonly DirtyLog? _dirtyLog;
    private readonly ulong _usedLogAddress;
    private ChainTranslator _translator;
    private InOrderWindow _window;
    private SplitInflight _inflight;
    private ushort _nextAvailable;
    private ushort _seenAvailable;
    private ushort _nextUsed;
    private ushort _publishedUsed;
    private ushort _sequence;
    private bool _isInRun;
    private ushort _runStart;
    private ushort _runId;
    private bool _notifyOnce;
    private RingFault _fault;
    private int _outstanding;

    /// <summary>Takes over a ring whose areas the transport translated.</summary>
    /// <exception cref="ArgumentException">A size or alignment breaks a rule; the message says which.</exception>
    public SplitRing(QueueSetup setup)
    {
        if (setup.Size == 0 || setup.Size > DescriptorFlags.MaxQueueSize || (setup.Size & (setup.Size - 1)) != 0)
        {
            throw new ArgumentException($"a split virtqueue has a power of two of descriptors up to 32768, not {setup.Size} ([VIRTIO-1.3] 2.7)");
        }

        Size = setup.Size;
        _mask = (ushort)(setup.Size - 1);
        _descriptors = RingArea.Check(setup.DescriptorArea, setup.Size * DescriptorFlags.DescriptorSize, 16, "descriptor table");
        _available = RingArea.Check(setup.DriverArea, 6 + (2 * setup.Size), 2, "available ring");
        _used = RingArea.Check(setup.DeviceArea, 6 + (8 * setup.Size), 4, "used ring");
        _usedEventOffset = EntriesOffset + (2u * setup.Size);
        _availableEventOffset = EntriesOffset + (8u * setup.Size);
        _indirect = (setup.Features & VirtioFeatures.IndirectDescriptors) != 0;
        _eventIndex = (setup.Features & VirtioFeatures.EventIndex) != 0;
        _inOrder = (setup.Features & VirtioFeatures.InOrder) != 0;
        _dirtyLog = setup.UsedRingLogAddress is null ? null : setup.DirtyLog;
        _usedLogAddress = setup.UsedRingLogAddress ?? 0;
        _translator = new ChainTranslator(setup.Memory);
        _window = _inOrder ? new InOrderWindow(setup.Size) : default;
        _nextAvailable = setup.Position.Available;
        _nextUsed = setup.Position.Used;
        _notifyOnce = true;
        if (setup.Inflight is MemorySegment region)
        {
            _inflight = new SplitInflight(region, setup.Size);
            _nextUsed = _used.AcquireUInt16(IndexOffset);
            _fault = _inflight.Recover(_nextUsed);
            _nextAvailable = (ushort)(_nextUsed + _inflight.ToResubmit);
        }

        _publishedUsed = _nextUsed;
        _seenAvailable = _nextAvailable;
    }

    /// <inheritdoc/>
    public ushort Size { get; }

    /// <inheritdoc/>
    public readonly RingFault Fault => _fault;

    /// <inheritdoc/>
    public readonly int Outstanding => _outstanding;

    /// <inheritdoc/>
    public readonly RingPosition Position => new(_nextAvailable, true, _nextUsed, true);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PopResult TryPop(Span<MemorySegment> segments, out DescriptorChain chain)
    {
        chain = default;
        if (_fault != RingFault.None)
        {
            return PopResult.Broken;
        }

        ushort head;
        bool again = _inflight.ToResubmit != 0;
        if (again)
        {
            head = _inflight.TakeResubmit();
        }
        else
        {
            if (_nextAvailable == _seenAvailable && !LookForAvailable())
            {
                return _fault == RingFault.None ? PopResult.Empty : PopResult.Broken;
            }

            head = _available.AcquireUInt16(EntriesOffset + (2u * (nuint)(_nextAvailable & _mask)));
            _nextAvailable++;
        }

        chain.Id = head;
        RingFault fault = Walk(head, segments, ref chain);
        if (fault != RingFault.None)
        {
            _fault = fault;
            return PopResult.Broken;
        }

        chain.Slots = 1;
        chain.Sequence = _sequence++;
        if (!again)
        {
            _inflight.Popped(head);
        }

        _outstanding++;
        return PopResult.Popped;
    }

    /// <inheritdoc/>
    public int PopSingles(Span<TaggedSegment> buffers, out ushort sequence)
    {
        sequence = _sequence;
        if (_fault != RingFault.None
            || _inflight.IsTracking
            || !_translator.TryGetWindow(out GuestMemoryWindow window)
            || (_nextAvailable == _seenAvailable && !LookForAvailable()))
        {
            return 0;
        }

        int most = Math.Min(buffers.Length, (ushort)(_seenAvailable - _nextAvailable));
        const ulong Looked = (DescriptorFlags.Indirect | (ulong)DescriptorFlags.Next) << 32;
        SharedMemory available = _available;
        SharedMemory descriptors = _descriptors;
        uint mask = _mask;
        uint next = _nextAvailable;
        int count = 0;
        while (count < most)
        {
            // As in TryPop and Walk: each is read once.
            uint head = available.AcquireUInt16(EntriesOffset + (2u * (nuint)(next & mask)));
            if (head > mask)
            {
                break;
            }

            ulong address = descriptors.AcquireUInt64(head * DescriptorFlags.DescriptorSize);
            ulong rest = descriptors.AcquireUInt64((head * DescriptorFlags.DescriptorSize) + 8);

            // The place of NEXT, which there is none, takes the flags, and theirs takes the index.
            ulong lengthAndTag = (uint)rest | ((ulong)head << 32) | ((rest & (0xffffUL << 32)) << 16);
            if ((rest & Looked) != 0 || !window.TryTranslateTagged(address, lengthAndTag, out buffers[count]))
            {
                break;
            }

            next++;
            count++;
        }

        _nextAvailable = (ushort)next;
        _sequence += (ushort)count;
        _outstanding += count;
        return count;
    }

    /// <inheritdoc/>
    public void Unpop(in DescriptorChain chain) => UnpopSingles(1);

    /// <inheritdoc/>
    public void UnpopSingles(int count)
    {
        _nextAvailable -= (ushort)count;
        _sequence -= (ushort)count;
        _outstanding -= count;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Push(in DescriptorChain chain, uint written)
    {
        if (!_inOrder)
        {
            Use(chain.Id, written);
            return;
        }

        if (_window.TryPass(chain.Sequence))
        {
            UseInOrder(in chain, written);
            return;
        }

        PushLater(in chain, written);
    }

    /// <inheritdoc/>
    public void PushRead(ReadOnlySpan<TaggedSegment> buffers, ushort sequence)
    {
        if (buffers.IsEmpty || PushedLater(buffers, sequence))
        {
            return;
        }

        if (!_inOrder)
        {
            UseSingles(buffers, 0);
            return;
        }

        if (!_isInRun)
        {
            _isInRun = true;
            _runStart = _nextUsed;
        }

        _runId = (ushort)buffers[^1].Tag;
        _nextUsed += (ushort)buffers.Length;
        _outstanding -= buffers.Length;
    }

    /// <inheritdoc/>
    public void PushWritten(ReadOnlySpan<TaggedSegment> buffers, ushort sequence)
    {
        if (!buffers.IsEmpty && !PushedLater(buffers, sequence))
        {
            EndRun();
            UseSingles(buffers, uint.MaxValue);
        }
    }

    /// <inheritdoc/>
    public bool Publish()
    {
        if (_nextUsed == _publishedUsed)
        {
            return false;
        }

        EndRun();
        ushort old = _publishedUsed;
        _publishedUsed = _nextUsed;
        _used.ReleaseUInt16(IndexOffset, _nextUsed);
        if (_dirtyLog is not null)
        {
            _dirtyLog.Mark(_usedLogAddress + IndexOffset, sizeof(ushort));
        }

        _inflight.Published(_nextUsed);

        // Pairs with the driver's fence between storing used_event (or its flags) and reading the used index.
        Interlocked.MemoryBarrier();
        if (_notifyOnce)
        {
            // The driver may have armed before a restart that we know nothing of.
            _notifyOnce = false;
            return true;
        }

        if (_eventIndex)
        {
            ushort usedEvent = _available.AcquireUInt16(_usedEventOffset);
            return (ushort)(_nextUsed - usedEvent - 1) < (ushort)(_nextUsed - old);
        }

        return (_available.AcquireUInt16(FlagsOffset) & NoInterrupt) == 0;
    }

    /// <inheritdoc/>
    public readonly bool EnableNotifications()
    {
        if (_eventIndex)
        {
            _used.ReleaseUInt16(_availableEventOffset, _nextAvailable);
        }
        else
        {
            _used.ReleaseUInt16(FlagsOffset, 0);
        }

        // Pairs with the driver's fence between storing the available index and reading avail_event (or our flags).
        Interlocked.MemoryBarrier();
        return _fault == RingFault.None && (_inflight.ToResubmit != 0 || _available.AcquireUInt16(IndexOffset) != _nextAvailable);
    }

    /// <inheritdoc/>
    public readonly void DisableNotifications()
    {
        // With event index the flags must stay 0 (2.7.10.2); an avail_event left behind the index suppresses as well.
        if (!_eventIndex)
        {
            _used.ReleaseUInt16(FlagsOffset, NoNotify);
        }
    }

    /// <inheritdoc/>
    public void Break(RingFault fault) => _fault = fault;

    /// <inheritdoc/>
    public readonly void Dispose()
    {
        _window.Dispose();
        _inflight.Dispose();
    }

    private bool LookForAvailable()
    {
        ushort index = _available.AcquireUInt16(IndexOffset);

        // Every available entry and every outstanding buffer has a descriptor of its own, so the index is never further
        // ahead of the used index than the ring is large.
        if ((ushort)(index - _publishedUsed) > Size || (ushort)(index - _nextAvailable) > Size)
        {
            _fault = RingFault.AvailableIndexJumped;
            return false;
        }

        _seenAvailable = index;
        return index != _nextAvailable;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private RingFault Walk(ushort head, Span<MemorySegment> segments, ref DescriptorChain chain)
    {
        if (head > _mask)
        {
            return RingFault.HeadOutOfRange;
        }

        uint index = head;
        for (int length = 0; length <= _mask; length++)
        {
            // [VIRTIO-1.3] 2.7.5: each half is read once; what is checked is what is used.
            ulong address = _descriptors.AcquireUInt64(index * DescriptorFlags.DescriptorSize);
            ulong rest = _descriptors.AcquireUInt64((index * DescriptorFlags.DescriptorSize) + 8);
            uint bytes = (uint)rest;
            uint flags = (ushort)(rest >> 32);
            if ((flags & DescriptorFlags.Indirect) != 0)
            {
                return WalkIndirect(address, bytes, flags, segments, ref chain);
            }

            RingFault fault = _translator.Append(address, bytes, (flags & DescriptorFlags.Write) != 0, segments, ref chain);
            if (fault != RingFault.None || (flags & DescriptorFlags.Next) == 0)
            {
                return fault;
            }

            index = (uint)(rest >> 48);
            if (index > _mask)
            {
                return RingFault.NextOutOfRange;
            }
        }

        return RingFault.ChainLoops;
    }

    /// <summary>[VIRTIO-1.3] 2.7.5.3: a table elsewhere in memory, chained by next fields within the table.</summary>
    private RingFault WalkIndirect(ulong address, uint tableBytes, uint flags, Span<MemorySegment> segments, ref DescriptorChain chain)
    {
        if (!_indirect)
        {
            return RingFault.IndirectNotNegotiated;
        }

        if ((flags & DescriptorFlags.Next) != 0)
        {
            return RingFault.IndirectWithNext;
        }

        uint count = tableBytes / DescriptorFlags.DescriptorSize;
        if (count == 0 || tableBytes % DescriptorFlags.DescriptorSize != 0 || count > DescriptorFlags.MaxQueueSize)
        {
            return RingFault.IndirectTableSize;
        }

        if (!_translator.TryTranslateTable(address, tableBytes, out SharedMemory table))
        {
            return RingFault.OutsideMemory;
        }

        uint index = 0;
        for (uint length = 0; length < count; length++)
        {
            ulong entryAddress = table.AcquireUInt64(index * DescriptorFlags.DescriptorSize);
            ulong rest = table.AcquireUInt64((index * DescriptorFlags.DescriptorSize) + 8);
            uint entryFlags = (ushort)(rest >> 32);
            if ((entryFlags & DescriptorFlags.Indirect) != 0)
            {
                return RingFault.IndirectNested;
            }

            RingFault fault = _translator.Append(entryAddress, (uint)rest, (entryFlags & DescriptorFlags.Write) != 0, segments, ref chain);
            if (fault != RingFault.None || (entryFlags & DescriptorFlags.Next) == 0)
            {
                return fault;
            }

            index = (uint)(rest >> 48);
            if (index >= count)
            {
                return RingFault.NextOutOfRange;
            }
        }

        return RingFault.ChainLoops;
    }

    /// <summary>A buffer that is finished before one that was popped before it, or after it was waited for.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void PushLater(in DescriptorChain chain, uint written)
    {
        _window.Add(chain, written);
        while (_window.TryTake(out DescriptorChain next, out uint length))
        {
            UseInOrder(in next, length);
        }
    }

    /// <summary>Pushes buffers one by one where they have to wait for others.</summary>
    /// <returns>Whether they had to.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool PushedLater(ReadOnlySpan<TaggedSegment> buffers, ushort sequence)
    {
        if (!_inOrder || _window.TryPass(sequence, buffers.Length))
        {
            return false;
        }

        foreach (ref readonly TaggedSegment buffer in buffers)
        {
            DescriptorChain chain = buffer.ToChain(sequence++);
            Push(in chain, chain.WritableBytes);
        }

        return true;
    }

    /// <summary>Writes a used entry for each buffer.</summary>
    /// <param name="buffers">The buffers.</param>
    /// <param name="mask">Which bits of their length are in it.</param>
    private void UseSingles(ReadOnlySpan<TaggedSegment> buffers, uint mask)
    {
        uint next = _nextUsed;
        foreach (ref readonly TaggedSegment buffer in buffers)
        {
            WriteUsed((ushort)next++, (ushort)buffer.Tag, (uint)buffer.Length & mask);
        }

        _nextUsed = (ushort)next;
        _outstanding -= buffers.Length;
    }

    /// <summary>2.7.9: one used entry, with the ID of the last, stands for a batch of buffers that were used whole.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void UseInOrder(in DescriptorChain chain, uint written)
    {
        if (chain.WritableBytes != 0)
        {
            EndRun();
            Use(chain.Id, written);
            return;
        }

        if (!_isInRun)
        {
            _isInRun = true;
            _runStart = _nextUsed;
        }

        _runId = chain.Id;
        _inflight.Pushed(chain.Id);
        _nextUsed++;
        _outstanding--;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void EndRun()
    {
        if (_isInRun)
        {
            _isInRun = false;
            WriteUsed(_runStart, _runId, 0);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void WriteUsed(ushort at, ushort id, uint written)
    {
        nuint offset = EntriesOffset + (8u * (nuint)(at & _mask));
        _used.ReleaseUInt64(offset, id | ((ulong)written << 32));
        if (_dirtyLog is not null)
        {
            _dirtyLog.Mark(_usedLogAddress + offset, sizeof(ulong));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Use(ushort id, uint written)
    {
        WriteUsed(_nextUsed, id, written);
        _inflight.Pushed(id);
        _nextUsed++;
        _outstanding--;
    }
}
