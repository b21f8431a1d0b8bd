using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <content>Messages that hand memory over.</content>
public sealed partial class VhostUserFrontend
{
    /// <summary>Most regions that VHOST_USER_SET_MEM_TABLE carries.</summary>
    public const int MaxTableRegions = 8;

    private const int RegionLength = 32;
    private const int InflightLength = 24;

    /// <summary>VHOST_USER_SET_MEM_TABLE: the back end sees these regions and no others.</summary>
    public void SetMemoryTable(GuestArena arena)
    {
        int count = arena.Ranges.Count;
        byte[] payload = new byte[8 + (count * RegionLength)];
        BinaryPrimitives.WriteInt32LittleEndian(payload, count);
        for (int i = 0; i < count; i++)
        {
            WriteRegion(payload.AsSpan(8 + (i * RegionLength)), arena, i);
        }

        Tell(VhostUserRequest.SetMemoryTable, payload, [.. arena.Grants]);
    }

    /// <summary>VHOST_USER_GET_MAX_MEM_SLOTS.</summary>
    public ulong GetMaxMemorySlots() => Ask(VhostUserRequest.GetMaxMemorySlots, []).ToUInt64();

    /// <summary>VHOST_USER_ADD_MEM_REG.</summary>
    public void AddMemoryRegion(GuestArena arena, int region) =>
        Tell(VhostUserRequest.AddMemoryRegion, SingleRegion(arena, region), arena.Grants[region]);

    /// <summary>VHOST_USER_REM_MEM_REG.</summary>
    public void RemoveMemoryRegion(GuestArena arena, int region) => Tell(VhostUserRequest.RemoveMemoryRegion, SingleRegion(arena, region));

    /// <summary>Hands all of an arena over, region by region where the back end has memory slots and at once otherwise, as QEMU does.</summary>
    public void ShareMemory(GuestArena arena)
    {
        if ((ProtocolFeatures & VhostUserProtocolFeatures.ConfigureMemorySlots) == 0)
        {
            SetMemoryTable(arena);
            return;
        }

        for (int i = 0; i < arena.Ranges.Count; i++)
        {
            AddMemoryRegion(arena, i);
        }
    }

    /// <summary>VHOST_USER_SET_LOG_BASE.</summary>
    /// <param name="log">Memory of the log.</param>
    /// <param name="size">Its length in bytes.</param>
    /// <param name="offset">Where it starts in the memory.</param>
    public void SetLogBase(Grant log, ulong size, ulong offset)
    {
        byte[] payload = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, size);
        BinaryPrimitives.WriteUInt64LittleEndian(payload.AsSpan(8), offset);

        // It has a reply of its own with VHOST_USER_PROTOCOL_F_LOG_SHMFD, acknowledgements or not.
        SendRaw((uint)VhostUserRequest.SetLogBase, VhostUserFrame.Version, payload, log);
        _ = ReceiveReply(VhostUserRequest.SetLogBase);
    }

    /// <summary>VHOST_USER_SET_LOG_FD.</summary>
    public void SetLogDoorbell(Doorbell doorbell)
    {
        using Grant grant = _host.ShareDoorbell(doorbell, DoorbellEnd.Ring);
        Tell(VhostUserRequest.SetLogFd, [], grant);
    }

    /// <summary>VHOST_USER_GET_INFLIGHT_FD.</summary>
    public InflightRegion GetInflight(ushort queueCount, ushort queueSize)
    {
        VhostUserFrame reply = Ask(VhostUserRequest.GetInflightFd, Inflight(0, 0, queueCount, queueSize));
        if (reply.Payload.Length < 20 || reply.Grants.Count != 1)
        {
            throw new VhostUserException($"the reply to GetInflight has {reply.Payload.Length} bytes and {reply.Grants.Count} grants; 20 and 1 are due");
        }

        return new InflightRegion(
            reply.Grants[0],
            BinaryPrimitives.ReadUInt64LittleEndian(reply.Payload),
            BinaryPrimitives.ReadUInt64LittleEndian(reply.Payload.AsSpan(8)),
            BinaryPrimitives.ReadUInt16LittleEndian(reply.Payload.AsSpan(16)),
            BinaryPrimitives.ReadUInt16LittleEndian(reply.Payload.AsSpan(18)));
    }

    /// <summary>VHOST_USER_SET_INFLIGHT_FD.</summary>
    public void SetInflight(InflightRegion region) =>
        Tell(VhostUserRequest.SetInflightFd, Inflight(region.Size, region.Offset, region.QueueCount, region.QueueSize), region.Memory);

    private static byte[] Inflight(ulong size, ulong offset, ushort queueCount, ushort queueSize)
    {
        // QEMU and libvhost-user send the structure with its padding to 24 bytes; the document's 20 are packed.
        byte[] payload = new byte[InflightLength];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, size);
        BinaryPrimitives.WriteUInt64LittleEndian(payload.AsSpan(8), offset);
        BinaryPrimitives.WriteUInt16LittleEndian(payload.AsSpan(16), queueCount);
        BinaryPrimitives.WriteUInt16LittleEndian(payload.AsSpan(18), queueSize);
        return payload;
    }

    private static byte[] SingleRegion(GuestArena arena, int region)
    {
        byte[] payload = new byte[8 + RegionLength];
        WriteRegion(payload.AsSpan(8), arena, region);
        return payload;
    }

    private static void WriteRegion(Span<byte> destination, GuestArena arena, int region)
    {
        GuestRange range = arena.Ranges[region];
        BinaryPrimitives.WriteUInt64LittleEndian(destination, range.Address);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], range.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[16..], arena.UserAddress(range.Address));
        BinaryPrimitives.WriteUInt64LittleEndian(destination[24..], 0);
    }
}
