using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>
/// Every field of a split virtqueue by its name, without any rule: what the driver ring is built on, and what a hostile test writes
/// ([VIRTIO-1.3] 2.7.5, 2.7.6, 2.7.8).
/// </summary>
/// <remarks>
/// <code>
/// descriptor (16 bytes)        available ring            used ring
/// 0  le64 addr                 0  le16 flags             0  le16 flags
/// 8  le32 len                  2  le16 idx               2  le16 idx
/// 12 le16 flags                4  le16 ring[size]        4  { le32 id; le32 len; } ring[size]
/// 14 le16 next                 .. le16 used_event        .. le16 avail_event
/// </code>
/// </remarks>
public readonly struct SplitRingMemory(RingAreas areas)
{
    private readonly SharedMemory _descriptors = areas.Descriptors.AsShared();
    private readonly SharedMemory _available = areas.Driver.AsShared();
    private readonly SharedMemory _used = areas.Device.AsShared();
    private readonly uint _size = areas.Size;

    /// <summary>Available ring's flags: 1 asks for no notifications (VIRTQ_AVAIL_F_NO_INTERRUPT).</summary>
    public ushort AvailableFlags
    {
        get => _available.AcquireUInt16(0);
        set => _available.ReleaseUInt16(0, value);
    }

    /// <summary>Available ring's free-running index.</summary>
    public ushort AvailableIndex
    {
        get => _available.AcquireUInt16(2);
        set => _available.ReleaseUInt16(2, value);
    }

    /// <summary>used_event, behind the available ring.</summary>
    public ushort UsedEvent
    {
        get => _available.AcquireUInt16(4 + (2 * _size));
        set => _available.ReleaseUInt16(4 + (2 * _size), value);
    }

    /// <summary>Used ring's flags: 1 asks for no notifications (VIRTQ_USED_F_NO_NOTIFY).</summary>
    public ushort UsedFlags
    {
        get => _used.AcquireUInt16(0);
        set => _used.ReleaseUInt16(0, value);
    }

    /// <summary>Used ring's free-running index.</summary>
    public ushort UsedIndex
    {
        get => _used.AcquireUInt16(2);
        set => _used.ReleaseUInt16(2, value);
    }

    /// <summary>avail_event, behind the used ring.</summary>
    public ushort AvailableEvent
    {
        get => _used.AcquireUInt16(4 + (8 * _size));
        set => _used.ReleaseUInt16(4 + (8 * _size), value);
    }

    /// <summary>Writes one descriptor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteDescriptor(uint index, ulong address, uint length, VirtqDescriptorFlags flags, ushort next) =>
        WriteDescriptor(_descriptors, index, address, length, flags, next);

    /// <summary>Writes one descriptor of an indirect table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteDescriptor(SharedMemory table, uint index, ulong address, uint length, VirtqDescriptorFlags flags, ushort next)
    {
        nuint offset = (nuint)index * 16;
        table.ReleaseUInt64(offset, address);
        table.ReleaseUInt64(offset + 8, length | ((ulong)flags << 32) | ((ulong)next << 48));
    }

    /// <summary>Writes one entry of the available ring.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteAvailable(uint slot, ushort head) => _available.ReleaseUInt16(4 + ((nuint)slot * 2), head);

    /// <summary>Reads one entry of the available ring.</summary>
    public ushort ReadAvailable(uint slot) => _available.AcquireUInt16(4 + ((nuint)slot * 2));

    /// <summary>Reads one entry of the used ring.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (uint Id, uint Length) ReadUsed(uint slot)
    {
        // Entries are aligned to 4 bytes only: two reads.
        nuint offset = 4 + ((nuint)slot * 8);
        return (_used.AcquireUInt32(offset), _used.AcquireUInt32(offset + 4));
    }

    /// <summary>Writes one entry of the used ring, as a device would.</summary>
    public void WriteUsed(uint slot, uint id, uint length)
    {
        nuint offset = 4 + ((nuint)slot * 8);
        _used.ReleaseUInt32(offset, id);
        _used.ReleaseUInt32(offset + 4, length);
    }
}
