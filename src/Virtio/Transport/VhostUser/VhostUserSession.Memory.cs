using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>Guest memory, log of dirty pages, in-flight region.</summary>
internal sealed partial class VhostUserSession
{
    private const int RegionLength = 32;

    internal VhostUserReply SetMemoryTable(VhostUserMessage message)
    {
        VhostUserMemoryHeader header = message.Read<VhostUserMemoryHeader>();
        ulong expected = 8 + ((ulong)header.Count * RegionLength);
        if (header.Count > VhostUserMemoryHeader.MaxRegions || message.Header.Size != expected || message.Grants.Count != header.Count)
        {
            throw new VhostUserProtocolException(
                $"SET_MEM_TABLE of {header.Count} regions has {message.Header.Size} bytes and {message.Grants.Count} descriptors; "
                + $"allowed are {VhostUserMemoryHeader.MaxRegions} regions, 8 bytes and {RegionLength} a region, and a descriptor each");
        }

        SuspendAll();
        _memory.Replace(MemoryMarshal.Cast<byte, VhostUserMemoryRegion>(message.Payload[8..]), message);
        ServeAll(mustLocate: true);
        return VhostUserReply.Done;
    }

    internal VhostUserReply GetMaxMemorySlots() => VhostUserReply.With((ulong)VhostUserMemoryTable.MaxSlots);

    internal VhostUserReply AddMemoryRegion(VhostUserMessage message)
    {
        VhostUserMemoryRegion region = message.Read<VhostUserSingleRegion>().Region;
        using Grant grant = message.TakeGrant();
        SuspendAll();
        try
        {
            _memory.Add(region, grant);
        }
        catch (VhostUserProtocolException e)
        {
            // The table is as it was: the guest goes on without the memory that was to be plugged in.
            ServeAll(mustLocate: false);
            return VhostUserReply.Refused(e.Message);
        }

        ServeAll(mustLocate: false);
        return VhostUserReply.Done;
    }

    internal VhostUserReply RemoveMemoryRegion(VhostUserMessage message)
    {
        VhostUserMemoryRegion region = message.Read<VhostUserSingleRegion>().Region;
        SuspendAll();
        bool removed = _memory.Remove(region);
        ServeAll(mustLocate: false);
        return removed ? VhostUserReply.Done : VhostUserReply.Refused($"there is no {region}");
    }

    internal VhostUserReply SetLogBase(VhostUserMessage message)
    {
        using Grant grant = message.TakeGrant();
        VhostUserLog log = new(message.Read<VhostUserLogDescription>(), grant);
        if (IsLogging || (_features & VhostUserFeatures.LogAll) != 0)
        {
            SuspendAll();
        }

        _log?.Dispose();
        _log = log;
        ServeAll(mustLocate: false);

        // Answered also without need_reply ("Communication").
        return VhostUserReply.With(0ul);
    }

    internal VhostUserReply SetLogFd(VhostUserMessage message)
    {
        using Grant grant = message.TakeGrant();
        Doorbell doorbell;
        try
        {
            doorbell = grant.OpenDoorbell();
        }
        catch (GrantException e)
        {
            throw new VhostUserProtocolException($"SET_LOG_FD came with a descriptor that is no doorbell: {e.Message}", e);
        }

        _logDoorbell?.Dispose();
        _logDoorbell = doorbell;
        return VhostUserReply.Done;
    }

    internal VhostUserReply GetInflightFd(VhostUserMessage message)
    {
        VhostUserInflightDescription asked = ReadInflight(message);
        ulong size = VhostUserInflight.RegionSize(asked.QueueCount, asked.QueueSize, IsPacked);
        Grant memory = _host.CreateMemory("vhost-user-inflight", size);

        // The answer is as long as the question: with the padding of C compilers or without it.
        byte[] payload = message.Payload.ToArray();
        VhostUserInflightDescription answer = asked with { Size = size, Offset = 0 };
        MemoryMarshal.Write(payload, in answer);
        return VhostUserReply.With(payload, memory);
    }

    internal VhostUserReply SetInflightFd(VhostUserMessage message)
    {
        VhostUserInflightDescription description = ReadInflight(message);
        if (_vrings.Any(v => v.Worker is not null))
        {
            throw new VhostUserProtocolException("SET_INFLIGHT_FD while rings run; GET_VRING_BASE stops them");
        }

        using Grant grant = message.TakeGrant();
        VhostUserInflight inflight = new(description, grant, IsPacked);
        _inflight?.Dispose();
        _inflight = inflight;
        return VhostUserReply.Done;
    }

    private VhostUserInflightDescription ReadInflight(VhostUserMessage message)
    {
        VhostUserInflightDescription description = message.Read<VhostUserInflightDescription>();
        if (description.QueueCount == 0 || description.QueueCount > _device.QueueCount
            || description.QueueSize == 0 || description.QueueSize > _device.MaxQueueSize)
        {
            throw new VhostUserProtocolException(
                $"{message.Name} is for {description.QueueCount} queues of {description.QueueSize} descriptors; "
                + $"allowed are 1 to {_device.QueueCount} queues of 1 to {_device.MaxQueueSize}");
        }

        return description;
    }
}
