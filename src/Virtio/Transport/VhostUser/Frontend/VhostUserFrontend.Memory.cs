using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <content>Messages that hand memory over.</content>
public sealed partial class VhostUserFrontend
{
    /// <summary>Most regions that VHOST_USER_SET_MEM_TABLE carries.</summary>
    public const int MaxTableRegions = 8;

    private const int RegionLength = 32;
    private const int InflightLength = 24;

    /// <summary>VHOST_USER_SET_MEM_TABLE: the back end sees these regions and no others.</summary>
    /// <param name="regions">The regions, up to <see cref="MaxTableRegions"/>.</param>
    /// <param name="grants">What each is in, in the same order.</param>
    public void SetMemoryTable(IReadOnlyList<VhostUserRegion> regions, ReadOnlySpan<Grant> grants)
    {
        byte[] payload = new byte[8 + (regions.Count * RegionLength)];
        BinaryPrimitives.WriteInt32LittleEndian(payload, regions.Count);
        for (int i = 0; i < regions.Count; i++)
        {
            WriteRegion(payload.AsSpan(8 + (i * RegionLength)), regions[i]);
        }

        Tell(VhostUserRequest.SetMemoryTable, payload, grants);
    }

    /// <summary>VHOST_USER_GET_MAX_MEM_SLOTS.</summary>
    public ulong GetMaxMemorySlots() => Ask(VhostUserRequest.GetMaxMemorySlots, []).ToUInt64();

    /// <summary>VHOST_USER_ADD_MEM_REG.</summary>
    public void AddMemoryRegion(VhostUserRegion region, Grant grant) => Tell(VhostUserRequest.AddMemoryRegion, SingleRegion(region), grant);

    /// <summary>VHOST_USER_REM_MEM_REG.</summary>
    public void RemoveMemoryRegion(VhostUserRegion region) => Tell(VhostUserRequest.RemoveMemoryRegion, SingleRegion(region));

    /// <summary>Hands memory over, region by region where the back end has memory slots and at once otherwise, as QEMU does.</summary>
    public void ShareMemory(IReadOnlyList<VhostUserRegion> regions, ReadOnlySpan<Grant> grants)
    {
        if ((ProtocolFeatures & VhostUserProtocolFeatures.ConfigureMemorySlots) == 0)
        {
            SetMemoryTable(regions, grants);
            return;
        }

        for (int i = 0; i < regions.Count; i++)
        {
            AddMemoryRegion(regions[i], grants[i]);
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

    private static byte[] SingleRegion(VhostUserRegion region)
    {
        byte[] payload = new byte[8 + RegionLength];
        WriteRegion(payload.AsSpan(8), region);
        return payload;
    }

    private static void WriteRegion(Span<byte> destination, VhostUserRegion region)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, region.GuestAddress);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], region.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[16..], region.UserAddress);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[24..], region.Offset);
    }
}
