using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>
/// Every field of a packed virtqueue by its name, without any rule: what the driver ring is built on, and what a hostile test writes
/// ([VIRTIO-1.3] 2.8.13, 2.8.14).
/// </summary>
/// <remarks>
/// <code>
/// descriptor (16 bytes)        event suppression (4 bytes)
/// 0  le64 addr                 0  le16 offset (15 bits) and wrap counter (bit 15)
/// 8  le32 len                  2  le16 flags: 0 enable, 1 disable, 2 at the offset
/// 12 le16 id
/// 14 le16 flags
/// </code>
/// </remarks>
public readonly struct PackedRingMemory(RingAreas areas)
{
    /// <summary>RING_EVENT_FLAGS_ENABLE.</summary>
    public const ushort EventsEnabled = 0;

    /// <summary>RING_EVENT_FLAGS_DISABLE.</summary>
    public const ushort EventsDisabled = 1;

    /// <summary>RING_EVENT_FLAGS_DESC.</summary>
    public const ushort EventsAtDescriptor = 2;

    private readonly SharedMemory _descriptors = areas.Descriptors.AsShared();
    private readonly SharedMemory _driverEvent = areas.Driver.AsShared();
    private readonly SharedMemory _deviceEvent = areas.Device.AsShared();

    /// <summary>Driver event suppression: what the driver asks of the device.</summary>
    public (ushort OffsetAndWrap, ushort Flags) DriverEvent
    {
        get => Split(_driverEvent.AcquireUInt32(0));
        set => _driverEvent.ReleaseUInt32(0, value.OffsetAndWrap | ((uint)value.Flags << 16));
    }

    /// <summary>Device event suppression: what the device asks of the driver.</summary>
    public (ushort OffsetAndWrap, ushort Flags) DeviceEvent
    {
        get => Split(_deviceEvent.AcquireUInt32(0));
        set => _deviceEvent.ReleaseUInt32(0, value.OffsetAndWrap | ((uint)value.Flags << 16));
    }

    /// <summary>Flags of a slot together with its AVAIL and USED bits.</summary>
    public static VirtqDescriptorFlags AvailableFlags(VirtqDescriptorFlags flags, bool wrap) =>
        flags | (wrap ? VirtqDescriptorFlags.Available : VirtqDescriptorFlags.Used);

    /// <summary>Writes one descriptor, its flags last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteDescriptor(uint slot, ulong address, uint length, ushort id, VirtqDescriptorFlags flags)
    {
        WriteBody(slot, address, length, id);
        WriteFlags(slot, flags);
    }

    /// <summary>Writes one descriptor of an indirect table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteDescriptor(SharedMemory table, uint index, ulong address, uint length, ushort id, VirtqDescriptorFlags flags)
    {
        nuint offset = (nuint)index * 16;
        table.ReleaseUInt64(offset, address);
        table.ReleaseUInt64(offset + 8, length | ((ulong)id << 32) | ((ulong)flags << 48));
    }

    /// <summary>Writes a descriptor without its flags, so that the device does not see it yet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteBody(uint slot, ulong address, uint length, ushort id)
    {
        nuint offset = (nuint)slot * 16;
        _descriptors.ReleaseUInt64(offset, address);
        _descriptors.ReleaseUInt32(offset + 8, length);
        _descriptors.ReleaseUInt16(offset + 12, id);
    }

    /// <summary>Writes a slot's flags; earlier writes stay before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteFlags(uint slot, VirtqDescriptorFlags flags) => _descriptors.ReleaseUInt16(((nuint)slot * 16) + 14, (ushort)flags);

    /// <summary>Reads a slot's flags; later reads stay behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public VirtqDescriptorFlags ReadFlags(uint slot) => (VirtqDescriptorFlags)_descriptors.AcquireUInt16(((nuint)slot * 16) + 14);

    /// <summary>Reads a slot's buffer ID and length.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (ushort Id, uint Length) ReadUsed(uint slot)
    {
        nuint offset = (nuint)slot * 16;
        return (_descriptors.AcquireUInt16(offset + 12), _descriptors.AcquireUInt32(offset + 8));
    }

    private static (ushort OffsetAndWrap, ushort Flags) Split(uint value) => ((ushort)value, (ushort)(value >> 16));
}
