using System.Runtime.InteropServices;
using Makatea.Platform;
using Makatea.Virtio.Net;

namespace Makatea.Virtio;

/// <summary>Messages for network devices. Their protocol features are offered for these alone.</summary>
internal sealed partial class VhostUserSession
{
    /// <summary>The payload is the guest's address: six bytes in the order of the wire, and two that are unused.</summary>
    internal VhostUserReply SendRarp(ulong payload)
    {
        MacAddress station = MacAddress.Read(MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in payload)));
        if (station.IsMulticast || station.Value == 0)
        {
            throw new VhostUserProtocolException($"SEND_RARP announces {station}, which is not the address of one station");
        }

        ((VirtioNetDevice)_device).Announce(station);
        return VhostUserReply.Done;
    }

    internal VhostUserReply NetSetMtu(ulong mtu) => ((VirtioNetDevice)_device).TrySetMtu(mtu)
        ? VhostUserReply.Done
        : VhostUserReply.Refused($"an MTU of {mtu} is not 68 to the device's own");
}
