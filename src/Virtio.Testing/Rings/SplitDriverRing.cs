using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>The driver side of a split virtqueue ([VIRTIO-1.3] 2.7).</summary>
public struct SplitDriverRing : IDriverRing<SplitDriverRing>
{
    private readonly SplitRingMemory _ring;
    private readonly OutstandingBuffer[] _buffers;
    private readonly ushort[] _nextFree;
    private readonly SharedMemory _tables;
    private readonly ulong _tablesAddress;
    private readonly int _maxIndirect;
    private readonly uint _mask;
    private readonly bool _eventIndex;
    private readonly bool _inOrder;
    private int _free;
    private ushort _freeHead;
    private int _outstanding;
    private ushort _available;
    private ushort _published;
    private ushort _used;
    private ushort _usedSeen;
    private ushort _oldest;
    private uint _batchEnd;
    private uint _batchLength;

    private SplitDriverRing(DriverRingSetup setup)
    {
        ushort size = setup.Areas.Size;
        _ring = new SplitRingMemory(setup.Areas);
        _buffers = new OutstandingBuffer[size];
        _nextFree = new ushort[size];
        for (int i = 0; i < size; i++)
        {
            // Also the order that VIRTIO_F_IN_ORDER asks for: ascending, 0 after the last.
            _nextFree[i] = (ushort)((i + 1) % size);
        }

        _tables = setup.IndirectTables?.AsShared() ?? default;
        _tablesAddress = setup.IndirectTables?.Address ?? 0;
        _maxIndirect = setup.MaxIndirectSegments;
        _mask = (uint)size - 1;
        _eventIndex = (setup.Features & VirtioFeatures.EventIndex) != 0;
        _inOrder = (setup.Features & VirtioFeatures.InOrder) != 0;
        _free = size;
        _available = _published = setup.Position.Available;
        _used = _usedSeen = setup.Position.Used;
        _batchEnd = NoBatch;
        UseIndirect = _maxIndirect != 0;
        _ring.AvailableIndex = _available;
    }

    /// <inheritdoc/>
    public readonly ushort Size => (ushort)(_mask + 1);

    /// <inheritdoc/>
    public readonly int Free => _free;

    /// <inheritdoc/>
    public readonly int Outstanding => _outstanding;

    /// <inheritdoc/>
    public readonly RingPosition Position => new(_available, true, _used, true);

    /// <inheritdoc/>
    public bool UseIndirect { get; set; }

    /// <summary>Every field of the ring, for hostile tests.</summary>
    public readonly SplitRingMemory Raw => _ring;

    private const uint NoBatch = uint.MaxValue;

    /// <inheritdoc/>
    public static SplitDriverRing Create(DriverRingSetup setup) => new(setup);

    /// <inheritdoc/>
    public bool TryAdd(ReadOnlySpan<GuestSegment> segments, int readable, uint token)
    {
        bool indirect = UseIndirect && segments.Length > 1;
        int slots = indirect ? 1 : segments.Length;
        if (slots > _free)
        {
            return false;
        }

        ushort head = _freeHead;
        ushort last = head;
        uint writable = 0;
        if (indirect)
        {
            writable = WriteTable(head, segments, readable);
            _freeHead = _nextFree[head];
        }
        else
        {
            ushort index = head;
            for (int i = 0; i < segments.Length; i++)
            {
                ushort next = _nextFree[index];
                VirtqDescriptorFlags flags = i + 1 < segments.Length ? VirtqDescriptorFlags.Next : VirtqDescriptorFlags.None;
                if (i >= readable)
                {
                    flags |= VirtqDescriptorFlags.Write;
                    writable += segments[i].Length;
                }

                _ring.WriteDescriptor(index, segments[i].Address, segments[i].Length, flags, next);
                last = index;
                index = next;
            }

            _freeHead = index;
        }

        _buffers[head] = new OutstandingBuffer { Token = token, Writable = writable, Slots = (ushort)slots, Last = last };
        _free -= slots;
        _outstanding++;
        _ring.WriteAvailable(_available & _mask, head);
        _available++;
        return true;
    }

    /// <inheritdoc/>
    public bool Publish()
    {
        ushort old = _published;
        ushort now = _available;
        _published = now;
        _ring.AvailableIndex = now;

        // Pairs with the device's fence between writing avail_event (or flags) and looking at the index again.
        Interlocked.MemoryBarrier();
        return _eventIndex
            ? (ushort)(now - _ring.AvailableEvent - 1) < (ushort)(now - old)
            : now != old && (_ring.UsedFlags & 1) == 0;
    }

    /// <inheritdoc/>
    public bool TryGetUsed(out uint token, out uint length)
    {
        if (_used == _usedSeen && !LookForUsed())
        {
            token = length = 0;
            return false;
        }

        ushort head;
        if (_inOrder)
        {
            head = _oldest;
            length = NextOfBatch(head);
        }
        else
        {
            (uint id, length) = _ring.ReadUsed(_used & _mask);
            if (id > _mask || _buffers[id].Slots == 0)
            {
                throw new DeviceMisbehavedException($"used entry {_used} names descriptor {id}, which heads no outstanding buffer");
            }

            head = (ushort)id;
        }

        ref OutstandingBuffer buffer = ref _buffers[head];
        if (length > buffer.Writable)
        {
            throw new DeviceMisbehavedException($"used entry {_used} says {length} bytes were written to a buffer with {buffer.Writable} to write");
        }

        token = buffer.Token;
        if (_inOrder)
        {
            _oldest = (ushort)((head + buffer.Slots) & _mask);
            _batchEnd = head == _batchEnd ? NoBatch : _batchEnd;
        }
        else
        {
            _nextFree[buffer.Last] = _freeHead;
            _freeHead = head;
        }

        _free += buffer.Slots;
        buffer.Slots = 0;
        _outstanding--;
        _used++;
        return true;
    }

    /// <inheritdoc/>
    public bool EnableCallbacks()
    {
        if (_eventIndex)
        {
            _ring.UsedEvent = _used;
        }
        else
        {
            _ring.AvailableFlags = 0;
        }

        // Pairs with the device's fence between publishing used entries and reading used_event (or flags).
        Interlocked.MemoryBarrier();
        return _used != _usedSeen || LookForUsed();
    }

    /// <inheritdoc/>
    public readonly void DisableCallbacks()
    {
        if (_eventIndex)
        {
            // As far ahead as an index can be.
            _ring.UsedEvent = (ushort)(_used - 1);
        }
        else
        {
            _ring.AvailableFlags = 1;
        }
    }

    /// <inheritdoc/>
    public readonly uint NotificationData(ushort queueIndex) => queueIndex | ((uint)_published << 16);

    private uint WriteTable(ushort head, ReadOnlySpan<GuestSegment> segments, int readable)
    {
        if (segments.Length > _maxIndirect)
        {
            throw new ArgumentException($"{segments.Length} segments do not fit an indirect table of {_maxIndirect}", nameof(segments));
        }

        uint first = (uint)head * (uint)_maxIndirect;
        uint writable = 0;
        for (int i = 0; i < segments.Length; i++)
        {
            VirtqDescriptorFlags flags = i + 1 < segments.Length ? VirtqDescriptorFlags.Next : VirtqDescriptorFlags.None;
            if (i >= readable)
            {
                flags |= VirtqDescriptorFlags.Write;
                writable += segments[i].Length;
            }

            SplitRingMemory.WriteDescriptor(_tables, first + (uint)i, segments[i].Address, segments[i].Length, flags, (ushort)(i + 1));
        }

        _ring.WriteDescriptor(head, _tablesAddress + (first * 16ul), (uint)segments.Length * 16, VirtqDescriptorFlags.Indirect, 0);
        return writable;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool LookForUsed()
    {
        _usedSeen = _ring.UsedIndex;
        ushort fresh = (ushort)(_usedSeen - _used);
        if (fresh > _outstanding - (ushort)(_available - _published))
        {
            throw new DeviceMisbehavedException($"the used index moved from {_used} to {_usedSeen} with {_outstanding} buffers outstanding");
        }

        return fresh != 0;
    }

    /// <summary>One used entry may stand for a batch; the buffers before its last are used whole ([VIRTIO-1.3] 2.7.9).</summary>
    private uint NextOfBatch(ushort head)
    {
        if (_batchEnd == NoBatch)
        {
            (uint end, _batchLength) = _ring.ReadUsed(_used & _mask);
            if (end > _mask || _buffers[end].Slots == 0)
            {
                throw new DeviceMisbehavedException($"used entry {_used} names descriptor {end}, which heads no outstanding buffer");
            }

            _batchEnd = end;
        }

        return head == _batchEnd ? _batchLength : _buffers[head].Writable;
    }
}
