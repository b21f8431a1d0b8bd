using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>The driver side of a packed virtqueue ([VIRTIO-1.3] 2.8).</summary>
public struct PackedDriverRing : IDriverRing<PackedDriverRing>
{
    private readonly PackedRingMemory _ring;
    private readonly OutstandingBuffer[] _buffers;
    private readonly ushort[] _freeIds;
    private readonly ushort[] _order;
    private readonly SharedMemory _tables;
    private readonly ulong _tablesAddress;
    private readonly int _maxIndirect;
    private readonly ushort _size;
    private readonly bool _eventIndex;
    private readonly bool _inOrder;
    private int _freeSlots;
    private int _outstanding;
    private int _orderHead;
    private int _orderTail;
    private ushort _next;
    private bool _wrap;
    private ushort _used;
    private bool _usedWrap;
    private int _unpublished;
    private ushort _firstUnpublished;
    private VirtqDescriptorFlags _firstFlags;
    private int _batchEnd;
    private uint _batchLength;

    private PackedDriverRing(DriverRingSetup setup)
    {
        _size = setup.Areas.Size;
        _ring = new PackedRingMemory(setup.Areas);
        _buffers = new OutstandingBuffer[_size];
        _freeIds = new ushort[_size];
        _order = new ushort[_size];
        for (int i = 0; i < _size; i++)
        {
            _freeIds[i] = (ushort)(_size - 1 - i);
        }

        _tables = setup.IndirectTables?.AsShared() ?? default;
        _tablesAddress = setup.IndirectTables?.Address ?? 0;
        _maxIndirect = setup.MaxIndirectSegments;
        _eventIndex = (setup.Features & VirtioFeatures.EventIndex) != 0;
        _inOrder = (setup.Features & VirtioFeatures.InOrder) != 0;
        _freeSlots = _size;
        _next = setup.Position.Available;
        _wrap = setup.Position.AvailableWrap;
        _used = setup.Position.Used;
        _usedWrap = setup.Position.UsedWrap;
        _batchEnd = -1;
        UseIndirect = _maxIndirect != 0;
    }

    /// <inheritdoc/>
    public readonly ushort Size => _size;

    /// <inheritdoc/>
    public readonly int Free => _freeSlots;

    /// <inheritdoc/>
    public readonly int Outstanding => _outstanding;

    /// <inheritdoc/>
    public readonly RingPosition Position => new(_next, _wrap, _used, _usedWrap);

    /// <inheritdoc/>
    public bool UseIndirect { get; set; }

    /// <summary>Every field of the ring, for hostile tests.</summary>
    public readonly PackedRingMemory Raw => _ring;

    /// <inheritdoc/>
    public static PackedDriverRing Create(DriverRingSetup setup) => new(setup);

    /// <inheritdoc/>
    public bool TryAdd(ReadOnlySpan<GuestSegment> segments, int readable, uint token)
    {
        bool indirect = UseIndirect && segments.Length > 1;
        int slots = indirect ? 1 : segments.Length;
        if (slots > _freeSlots)
        {
            return false;
        }

        // Every buffer has a slot of its own, so there is an ID left.
        ushort id = _freeIds[_size - 1 - _outstanding];
        uint writable = 0;
        if (indirect)
        {
            writable = WriteTable(id, segments, readable);
            uint first = (uint)id * (uint)_maxIndirect;
            WriteSlot(_tablesAddress + (first * 16ul), (uint)segments.Length * 16, id, VirtqDescriptorFlags.Indirect);
        }
        else
        {
            for (int i = 0; i < segments.Length; i++)
            {
                VirtqDescriptorFlags flags = i + 1 < segments.Length ? VirtqDescriptorFlags.Next : VirtqDescriptorFlags.None;
                if (i >= readable)
                {
                    flags |= VirtqDescriptorFlags.Write;
                    writable += segments[i].Length;
                }

                WriteSlot(segments[i].Address, segments[i].Length, id, flags);
            }
        }

        _buffers[id] = new OutstandingBuffer { Token = token, Writable = writable, Slots = (ushort)slots };
        _freeSlots -= slots;
        _outstanding++;
        if (_inOrder)
        {
            _order[_orderTail] = id;
            _orderTail = _orderTail + 1 == _size ? 0 : _orderTail + 1;
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Publish()
    {
        int added = _unpublished;
        if (added != 0)
        {
            // The device looks at slots in order: it sees none of the batch before the first one's flags.
            _ring.WriteFlags(_firstUnpublished, _firstFlags);
            _unpublished = 0;
        }

        // Pairs with the device's fence between writing its event suppression and looking at the ring again.
        Interlocked.MemoryBarrier();
        (ushort offsetAndWrap, ushort flags) = _ring.DeviceEvent;
        if (flags != PackedRingMemory.EventsAtDescriptor || !_eventIndex)
        {
            return added != 0 && flags != PackedRingMemory.EventsDisabled;
        }

        int wanted = offsetAndWrap & 0x7fff;
        if ((offsetAndWrap >> 15 != 0) != _wrap)
        {
            wanted -= _size;
        }

        return wanted < _next && wanted >= _next - added;
    }

    /// <inheritdoc/>
    public bool TryGetUsed(out uint token, out uint length)
    {
        if (_batchEnd < 0 && !LookForUsed())
        {
            token = length = 0;
            return false;
        }

        ushort id;
        if (_inOrder)
        {
            id = _order[_orderHead];
            length = NextOfBatch(id);
        }
        else
        {
            (id, length) = ReadUsed();
        }

        ref OutstandingBuffer buffer = ref _buffers[id];
        if (length > buffer.Writable)
        {
            throw new DeviceMisbehavedException($"used slot {_used} says {length} bytes were written to a buffer with {buffer.Writable} to write");
        }

        if (_inOrder)
        {
            _orderHead = _orderHead + 1 == _size ? 0 : _orderHead + 1;
            _batchEnd = id == _batchEnd ? -1 : _batchEnd;
        }

        token = buffer.Token;
        _outstanding--;
        _freeIds[_size - 1 - _outstanding] = id;
        _freeSlots += buffer.Slots;
        int used = _used + buffer.Slots;
        buffer.Slots = 0;
        if (used >= _size)
        {
            used -= _size;
            _usedWrap = !_usedWrap;
        }

        _used = (ushort)used;
        return true;
    }

    /// <inheritdoc/>
    public readonly bool EnableCallbacks()
    {
        _ring.DriverEvent = _eventIndex
            ? ((ushort)(_used | (_usedWrap ? 0x8000 : 0)), PackedRingMemory.EventsAtDescriptor)
            : ((ushort)0, PackedRingMemory.EventsEnabled);

        // Pairs with the device's fence between writing used descriptors and reading the driver's event suppression.
        Interlocked.MemoryBarrier();
        return _batchEnd >= 0 || LookForUsed();
    }

    /// <inheritdoc/>
    public readonly void DisableCallbacks() => _ring.DriverEvent = (0, PackedRingMemory.EventsDisabled);

    /// <inheritdoc/>
    public readonly uint NotificationData(ushort queueIndex) => queueIndex | ((uint)_next << 16) | (_wrap ? 1u << 31 : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteSlot(ulong address, uint length, ushort id, VirtqDescriptorFlags flags)
    {
        flags = PackedRingMemory.AvailableFlags(flags, _wrap);
        _ring.WriteBody(_next, address, length, id);
        if (_unpublished++ == 0)
        {
            _firstUnpublished = _next;
            _firstFlags = flags;
        }
        else
        {
            _ring.WriteFlags(_next, flags);
        }

        _next++;
        if (_next == _size)
        {
            _next = 0;
            _wrap = !_wrap;
        }
    }

    private readonly uint WriteTable(ushort id, ReadOnlySpan<GuestSegment> segments, int readable)
    {
        if (segments.Length > _maxIndirect)
        {
            throw new ArgumentException($"{segments.Length} segments do not fit an indirect table of {_maxIndirect}", nameof(segments));
        }

        uint first = (uint)id * (uint)_maxIndirect;
        uint writable = 0;
        for (int i = 0; i < segments.Length; i++)
        {
            // WRITE is the only flag that an indirect descriptor has ([VIRTIO-1.3] 2.8.7).
            VirtqDescriptorFlags flags = VirtqDescriptorFlags.None;
            if (i >= readable)
            {
                flags = VirtqDescriptorFlags.Write;
                writable += segments[i].Length;
            }

            PackedRingMemory.WriteDescriptor(_tables, first + (uint)i, segments[i].Address, segments[i].Length, 0, flags);
        }

        return writable;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly bool LookForUsed()
    {
        VirtqDescriptorFlags flags = _ring.ReadFlags(_used);
        VirtqDescriptorFlags both = flags & (VirtqDescriptorFlags.Available | VirtqDescriptorFlags.Used);
        return both == (_usedWrap ? VirtqDescriptorFlags.Available | VirtqDescriptorFlags.Used : VirtqDescriptorFlags.None) && _outstanding != 0;
    }

    private readonly (ushort Id, uint Length) ReadUsed()
    {
        (ushort id, uint length) = _ring.ReadUsed(_used);
        if (id >= _size || _buffers[id].Slots == 0)
        {
            throw new DeviceMisbehavedException($"used slot {_used} names buffer {id}, which is not outstanding");
        }

        // Without WRITE nothing was written and the length means nothing ([VIRTIO-1.3] 2.8.3, 2.8.4).
        return (id, (_ring.ReadFlags(_used) & VirtqDescriptorFlags.Write) != 0 ? length : 0);
    }

    /// <summary>One used descriptor may stand for a batch; the buffers before its last are used whole ([VIRTIO-1.3] 2.8.8).</summary>
    private uint NextOfBatch(ushort id)
    {
        if (_batchEnd < 0)
        {
            (_batchEnd, _batchLength) = ReadUsed();
        }

        return id == _batchEnd ? _batchLength : _buffers[id].Writable;
    }
}
