using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// The device side of a packed virtqueue ([VIRTIO-1.3] 2.8).
/// <code>
/// descriptor area   0: le64 address | 8: le32 length | 12: le16 id | 14: le16 flags     16 bytes a descriptor
/// driver area       0: le16 offset and wrap counter | 2: le16 flags                     when to notify the driver
/// device area       the same                                                            when to notify the device
/// </code>
/// Used descriptors overwrite the ring in order. Those of a batch are written at once, except the first, whose flags the driver
/// looks at first; <see cref="Publish"/> writes it and thereby shows them all.
/// Two fences are needed, because x86 lets a load pass an earlier store. After publishing and before reading the driver's event
/// suppression: the driver stores it and then looks at the ring (2.8.10, 2.8.21.3.1). After arming our own event suppression and before looking at the ring
/// again, likewise.
/// </summary>
public struct PackedRing : IDeviceRing, IDisposable
{
    private const nuint InfoOffset = 8;
    private const nuint FlagsOffset = 14;
    private const uint EventsEnabled = 0;
    private const uint EventsDisabled = 1;
    private const uint EventsAtDescriptor = 2;
    private const int WrapBit = 15;

    private readonly SharedMemory _descriptors;
    private readonly SharedMemory _driverEvents;
    private readonly SharedMemory _deviceEvents;
    private readonly bool _indirect;
    private readonly bool _eventIndex;
    private readonly bool _inOrder;
    private readonly DirtyLog? _dirtyLog;
    private readonly ulong _usedLogAddress;
    private ChainTranslator _translator;
    private InOrderWindow _window;
    private PackedInflight _inflight;
    private ushort _nextAvailable;
    private bool _availableWrap;
    private ushort _nextUsed;
    private bool _usedWrap;
    private ushort _sequence;
    private ushort _heldSlot;
    private ulong _heldInfo;
    private bool _heldIsRun;
    private int _batchSlots;
    private int _outstandingSlots;
    private int _outstanding;
    private bool _notifyOnce;
    private RingFault _fault;

    /// <summary>Takes over a ring whose areas the transport translated.</summary>
    /// <exception cref="ArgumentException">A size or alignment breaks a rule; the message says which.</exception>
    public PackedRing(QueueSetup setup)
    {
        if (setup.Size == 0 || setup.Size > DescriptorFlags.MaxQueueSize)
        {
            throw new ArgumentException($"a packed virtqueue has 1 to 32768 descriptors, not {setup.Size} ([VIRTIO-1.3] 2.8)");
        }

        if (setup.Position.Available >= setup.Size || setup.Position.Used >= setup.Size)
        {
            throw new ArgumentException($"position {setup.Position} is outside a ring of {setup.Size}");
        }

        Size = setup.Size;
        _descriptors = RingArea.Check(setup.DescriptorArea, setup.Size * DescriptorFlags.DescriptorSize, 16, "descriptor ring");
        _driverEvents = RingArea.Check(setup.DriverArea, 4, 4, "driver event suppression");
        _deviceEvents = RingArea.Check(setup.DeviceArea, 4, 4, "device event suppression");
        _indirect = (setup.Features & VirtioFeatures.IndirectDescriptors) != 0;
        _eventIndex = (setup.Features & VirtioFeatures.EventIndex) != 0;
        _inOrder = (setup.Features & VirtioFeatures.InOrder) != 0;
        _dirtyLog = setup.UsedRingLogAddress is null ? null : setup.DirtyLog;
        _usedLogAddress = setup.UsedRingLogAddress ?? 0;
        _translator = new ChainTranslator(setup.Memory);
        _window = _inOrder ? new InOrderWindow(setup.Size) : default;
        (_nextAvailable, _availableWrap, _nextUsed, _usedWrap) = setup.Position;
        _notifyOnce = true;
        if (setup.Inflight is MemorySegment region)
        {
            _inflight = new PackedInflight(region, setup.Size);
            _fault = _inflight.Recover(_descriptors, ref _nextUsed, ref _usedWrap);
            (_nextAvailable, _availableWrap) = (_nextUsed, _usedWrap);
            if (_fault == RingFault.None)
            {
                TakeBackUsed(_inflight.SlotsToResubmit);
            }
        }
    }

    /// <inheritdoc/>
    public ushort Size { get; }

    /// <inheritdoc/>
    public readonly RingFault Fault => _fault;

    /// <inheritdoc/>
    public readonly int Outstanding => _outstanding;

    /// <inheritdoc/>
    public readonly RingPosition Position => new(_nextAvailable, _availableWrap, _nextUsed, _usedWrap);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PopResult TryPop(Span<MemorySegment> segments, out DescriptorChain chain)
    {
        chain = default;
        if (_fault != RingFault.None)
        {
            return PopResult.Broken;
        }

        if (_inflight.ToResubmit != 0)
        {
            return PopAgain(segments, ref chain);
        }

        // The flags are in the half that is read first, and reads stay in order: the address is read behind them (2.8.15).
        ulong info = _descriptors.AcquireUInt64(((nuint)_nextAvailable * DescriptorFlags.DescriptorSize) + InfoOffset);
        if (!IsAvailable(info))
        {
            return PopResult.Empty;
        }

        RingFault fault = Walk(info, segments, ref chain);
        if (fault != RingFault.None)
        {
            _fault = fault;
            return PopResult.Broken;
        }

        return Popped(ref chain);
    }

    /// <inheritdoc/>
    public int PopSingles(Span<TaggedSegment> buffers, out ushort sequence)
    {
        sequence = _sequence;
        if (_fault != RingFault.None || _inflight.IsTracking || !_translator.TryGetWindow(out GuestMemoryWindow window))
        {
            return 0;
        }

        // Up to the end of the ring, so that the wrap counter stays.
        int most = Math.Min(buffers.Length, Math.Min(Size - _nextAvailable, Size - _outstandingSlots));
        const ulong Looked = (ulong)(DescriptorFlags.Available | DescriptorFlags.Used | DescriptorFlags.Next | DescriptorFlags.Indirect) << 48;
        ulong expected = (_availableWrap ? DescriptorFlags.Available : (ulong)DescriptorFlags.Used) << 48;
        SharedMemory descriptors = _descriptors;
        nuint offset = (nuint)_nextAvailable * DescriptorFlags.DescriptorSize;
        int count = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            // As below with four: each half of a descriptor is read once, all those with flags first.
            Vector512<ulong> looked = Vector512.Create(0, Looked, 0, Looked, 0, Looked, 0, Looked);
            Vector512<ulong> expectedOfAll = Vector512.Create(0, expected, 0, expected, 0, expected, 0, expected);
            while (count + 4 <= most)
            {
                Vector512<ulong> infos = descriptors.AcquireVector512(offset);
                if ((infos & looked) != expectedOfAll || !window.TryTranslateTagged(descriptors.AcquireVector512(offset), infos, buffers.Slice(count, 4)))
                {
                    break;
                }

                offset += 4 * DescriptorFlags.DescriptorSize;
                count += 4;
            }
        }

        while (count < most)
        {
            // As in TryPop: each half is read once, the one with the flags first.
            ulong info = descriptors.AcquireUInt64(offset + InfoOffset);
            if ((info & Looked) != expected || !window.TryTranslateTagged(descriptors.AcquireUInt64(offset), info, out buffers[count]))
            {
                break;
            }

            offset += DescriptorFlags.DescriptorSize;
            count++;
        }

        Advance(ref _nextAvailable, ref _availableWrap, count);
        _sequence += (ushort)count;
        _outstandingSlots += count;
        _outstanding += count;
        return count;
    }

    /// <inheritdoc/>
    public void Unpop(in DescriptorChain chain) => Unpop(1, chain.Slots);

    /// <inheritdoc/>
    public void UnpopSingles(int count) => Unpop(count, count);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Push(in DescriptorChain chain, uint written)
    {
        if (!_inOrder)
        {
            Use(chain, written);
            return;
        }

        if (_window.TryPass(chain.Sequence))
        {
            Use(chain, written);
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

        const ulong Id = 0xffffUL << 32;
        if (!_inOrder || (_batchSlots != 0 && !_heldIsRun))
        {
            UseSingles(buffers, Id);
            return;
        }

        // As in Use: the first one's slot and flags, and the last one's ID.
        if (_batchSlots == 0)
        {
            _heldSlot = _nextUsed;
            _heldIsRun = true;
        }

        _heldInfo = (_batchSlots == 0 ? UsedFlags : _heldInfo & ~Id) | (buffers[^1].LengthAndTag & Id);
        UsedMore(buffers.Length);
    }

    /// <inheritdoc/>
    public void PushWritten(ReadOnlySpan<TaggedSegment> buffers, ushort sequence)
    {
        if (!buffers.IsEmpty && !PushedLater(buffers, sequence))
        {
            // What was written, whose buffer it is, and that it was written.
            UseSingles(buffers, uint.MaxValue | (0xffffUL << 32) | ((ulong)DescriptorFlags.Write << 48));
        }
    }

    /// <inheritdoc/>
    public bool Publish()
    {
        if (_batchSlots == 0)
        {
            return false;
        }

        int slots = _batchSlots;
        _batchSlots = 0;
        _outstandingSlots -= slots;
        _inflight.Publishing(_nextUsed, _usedWrap);
        WriteUsed(_heldSlot, _heldInfo);
        _inflight.Published(_nextUsed, _usedWrap);

        // Pairs with the driver's fence between storing its event suppression and looking at the ring.
        Interlocked.MemoryBarrier();
        if (_notifyOnce)
        {
            // The driver may have armed before a restart that we know nothing of.
            _notifyOnce = false;
            return true;
        }

        // Both halves in one read, or they might belong to different moments (2.8.14).
        uint events = _driverEvents.AcquireUInt32(0);
        uint flags = (events >> 16) & 3;
        if (flags != EventsAtDescriptor || !_eventIndex)
        {
            return flags != EventsDisabled;
        }

        int wanted = (int)(events & 0x7fff);
        if (((events >> WrapBit) & 1) != (_usedWrap ? 1u : 0u))
        {
            wanted -= Size;
        }

        // As with split rings, on slot numbers that the wrap counters unfold to be monotonic.
        return (ushort)(_nextUsed - wanted - 1) < (ushort)slots;
    }

    /// <inheritdoc/>
    public readonly bool EnableNotifications()
    {
        uint position = _nextAvailable | ((_availableWrap ? 1u : 0u) << WrapBit);
        _deviceEvents.ReleaseUInt32(0, _eventIndex ? position | (EventsAtDescriptor << 16) : EventsEnabled << 16);

        // Pairs with the driver's fence between making descriptors available and reading our event suppression.
        Interlocked.MemoryBarrier();
        return _fault == RingFault.None
            && (_inflight.ToResubmit != 0
                || IsAvailable(_descriptors.AcquireUInt64(((nuint)_nextAvailable * DescriptorFlags.DescriptorSize) + InfoOffset)));
    }

    /// <inheritdoc/>
    public readonly void DisableNotifications() => _deviceEvents.ReleaseUInt32(0, EventsDisabled << 16);

    /// <inheritdoc/>
    public void Break(RingFault fault) => _fault = fault;

    /// <inheritdoc/>
    public readonly void Dispose()
    {
        _window.Dispose();
        _inflight.Dispose();
    }

    /// <summary>
    /// A batch that was not published may have left used descriptors behind its first, which would be taken for new ones when that slot is used:
    /// makes every slot that is outstanding look so.
    /// </summary>
    private void TakeBackUsed(int slots)
    {
        for (int i = 0; i < slots; i++)
        {
            nuint flags = ((nuint)_nextAvailable * DescriptorFlags.DescriptorSize) + FlagsOffset;
            _descriptors.ReleaseUInt16(flags, _availableWrap ? DescriptorFlags.Available : DescriptorFlags.Used);
            Advance(ref _nextAvailable, ref _availableWrap, 1);
        }
    }

    /// <summary>[VIRTIO-1.3] 2.8.1: both bits are our wrap counter.</summary>
    private readonly ulong UsedFlags => _usedWrap ? (DescriptorFlags.Available | (ulong)DescriptorFlags.Used) << 48 : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool IsAvailable(ulong info)
    {
        // [VIRTIO-1.3] 2.8.1: the available bit equals our wrap counter and the used bit does not.
        uint flags = (uint)(info >> 48);
        bool available = (flags & DescriptorFlags.Available) != 0;
        bool used = (flags & DescriptorFlags.Used) != 0;
        return available != used && available == _availableWrap;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Advance(ref ushort slot, ref bool wrap, int slots)
    {
        int next = slot + slots;
        if (next >= Size)
        {
            next -= Size;
            wrap = !wrap;
        }

        slot = (ushort)next;
    }

    private void Unpop(int count, int slots)
    {
        int slot = _nextAvailable - slots;
        if (slot < 0)
        {
            slot += Size;
            _availableWrap = !_availableWrap;
        }

        _nextAvailable = (ushort)slot;
        _sequence -= (ushort)count;
        _outstandingSlots -= slots;
        _outstanding -= count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private RingFault Walk(ulong info, Span<MemorySegment> segments, ref DescriptorChain chain)
    {
        ushort slot = _nextAvailable;
        bool wrap = _availableWrap;
        _inflight.StartChain();

        // Slots that are outstanding, or given back and not yet shown, cannot be available again.
        for (int room = Size - _outstandingSlots; room > 0; room--)
        {
            ulong address = _descriptors.AcquireUInt64((nuint)slot * DescriptorFlags.DescriptorSize);
            _inflight.AddDescriptor(address, info);
            chain.Slots++;
            Advance(ref slot, ref wrap, 1);
            uint flags = (uint)(info >> 48);
            RingFault fault = Append(address, info, chain.Slots == 1, segments, ref chain);
            if (fault != RingFault.None)
            {
                return fault;
            }

            if ((flags & DescriptorFlags.Next) == 0)
            {
                // The buffer ID is that of the last descriptor (2.8.5).
                chain.Id = (ushort)(info >> 32);
                chain.InflightEntry = _inflight.FinishChain();
                _nextAvailable = slot;
                _availableWrap = wrap;
                return RingFault.None;
            }

            info = _descriptors.AcquireUInt64(((nuint)slot * DescriptorFlags.DescriptorSize) + InfoOffset);
        }

        return _outstandingSlots == 0 ? RingFault.ChainLoops : RingFault.TooManyOutstanding;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private RingFault Append(ulong address, ulong info, bool first, Span<MemorySegment> segments, ref DescriptorChain chain)
    {
        uint flags = (uint)(info >> 48);
        return (flags & DescriptorFlags.Indirect) != 0
            ? WalkIndirect(address, (uint)info, flags, first, segments, ref chain)
            : _translator.Append(address, (uint)info, (flags & DescriptorFlags.Write) != 0, segments, ref chain);
    }

    /// <summary>[VIRTIO-1.3] 2.8.7: a table elsewhere in memory, all of whose entries are one chain in order.</summary>
    private RingFault WalkIndirect(
        ulong address, uint tableBytes, uint flags, bool first, Span<MemorySegment> segments, ref DescriptorChain chain)
    {
        if (!_indirect)
        {
            return RingFault.IndirectNotNegotiated;
        }

        // 2.8.19: a driver chains no direct descriptors with indirect ones in a packed ring.
        if ((flags & DescriptorFlags.Next) != 0 || !first)
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

        for (uint index = 0; index < count; index++)
        {
            ulong entryAddress = table.AcquireUInt64(index * DescriptorFlags.DescriptorSize);
            ulong entry = table.AcquireUInt64((index * DescriptorFlags.DescriptorSize) + InfoOffset);
            uint entryFlags = (uint)(entry >> 48);
            if ((entryFlags & DescriptorFlags.Indirect) != 0)
            {
                return RingFault.IndirectNested;
            }

            // 2.8.7: in the table only WRITE counts; NEXT and the rest are reserved and ignored.
            RingFault fault = _translator.Append(entryAddress, (uint)entry, (entryFlags & DescriptorFlags.Write) != 0, segments, ref chain);
            if (fault != RingFault.None)
            {
                return fault;
            }
        }

        return RingFault.None;
    }

    private PopResult PopAgain(Span<MemorySegment> segments, ref DescriptorChain chain)
    {
        ushort entry = _inflight.TakeResubmit();
        chain.InflightEntry = entry;
        for (bool more = true; more;)
        {
            if (chain.Slots == Size || !_inflight.TryRead(entry, out ulong address, out ulong info, out entry))
            {
                _fault = RingFault.InflightCorrupt;
                return PopResult.Broken;
            }

            chain.Slots++;
            RingFault fault = Append(address, info, chain.Slots == 1, segments, ref chain);
            if (fault != RingFault.None)
            {
                _fault = fault;
                return PopResult.Broken;
            }

            chain.Id = (ushort)(info >> 32);
            more = ((info >> 48) & DescriptorFlags.Next) != 0;
        }

        return Popped(ref chain);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private PopResult Popped(ref DescriptorChain chain)
    {
        chain.Sequence = _sequence++;
        _outstandingSlots += chain.Slots;
        _outstanding++;
        return PopResult.Popped;
    }

    /// <summary>A buffer that is finished before one that was popped before it, or after it was waited for.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void PushLater(in DescriptorChain chain, uint written)
    {
        _window.Add(chain, written);
        while (_window.TryTake(out DescriptorChain next, out uint length))
        {
            Use(next, length);
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

    /// <summary>Writes a used descriptor for each buffer.</summary>
    /// <param name="buffers">The buffers.</param>
    /// <param name="mask">Which bits of their length and tag are in it.</param>
    private void UseSingles(ReadOnlySpan<TaggedSegment> buffers, ulong mask)
    {
        _heldIsRun = false;
        SharedMemory descriptors = _descriptors;
        while (!buffers.IsEmpty)
        {
            // Up to the end of the ring, so that the wrap counter stays.
            ulong flags = UsedFlags;
            int count = Math.Min(buffers.Length, Size - _nextUsed);
            int i = 0;
            if (_batchSlots == 0)
            {
                _heldSlot = _nextUsed;
                _heldInfo = (buffers[0].LengthAndTag & mask) | flags;
                i = 1;
            }

            nuint first = ((nuint)_nextUsed * DescriptorFlags.DescriptorSize) + InfoOffset;
            for (nuint offset = first + ((nuint)i * DescriptorFlags.DescriptorSize); i < count; i++)
            {
                descriptors.ReleaseUInt64(offset, (buffers[i].LengthAndTag & mask) | flags);
                offset += DescriptorFlags.DescriptorSize;
            }

            // The one that is held back is logged when it is written.
            _dirtyLog?.Mark(_usedLogAddress + first, (ulong)count * DescriptorFlags.DescriptorSize);
            UsedMore(count);
            buffers = buffers[count..];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void UsedMore(int slots)
    {
        Advance(ref _nextUsed, ref _usedWrap, slots);
        _batchSlots += slots;
        _outstanding -= slots;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Use(in DescriptorChain chain, uint written)
    {
        uint flags = _usedWrap ? DescriptorFlags.Available | (uint)DescriptorFlags.Used : 0;
        flags |= written != 0 ? (uint)DescriptorFlags.Write : 0;
        ulong info = written | ((ulong)chain.Id << 32) | ((ulong)flags << 48);
        if (_batchSlots == 0)
        {
            _heldSlot = _nextUsed;
            _heldInfo = info;
            _heldIsRun = _inOrder && chain.WritableBytes == 0;
        }
        else if (_heldIsRun && chain.WritableBytes == 0)
        {
            // 2.8.9: one used descriptor, with the ID of the last, stands for a batch of buffers that were used whole.
            _heldInfo = (_heldInfo & ~(0xffffUL << 32)) | ((ulong)chain.Id << 32);
        }
        else
        {
            _heldIsRun = false;
            WriteUsed(_nextUsed, info);
        }

        _inflight.Pushed(chain.InflightEntry);
        Advance(ref _nextUsed, ref _usedWrap, chain.Slots);
        _batchSlots += chain.Slots;
        _outstanding--;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void WriteUsed(ushort slot, ulong info)
    {
        // Length, ID and flags in one store: the driver never sees flags without the rest (2.8.15).
        nuint offset = ((nuint)slot * DescriptorFlags.DescriptorSize) + InfoOffset;
        _descriptors.ReleaseUInt64(offset, info);
        if (_dirtyLog is not null)
        {
            _dirtyLog.Mark(_usedLogAddress + offset, sizeof(ulong));
        }
    }
}
