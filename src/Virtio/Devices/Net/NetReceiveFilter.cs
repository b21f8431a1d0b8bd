using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// Which frames its driver wants a guest to receive ([VIRTIO-1.3] 5.1.6.5.1 to 5.1.6.5.3). Immutable; a command makes another. Until the driver commands anything, all are.
/// </summary>
internal sealed record NetReceiveFilter
{
    /// <summary>Most addresses of a table; a driver with more receives all of their kind.</summary>
    public const int MaxAddresses = 64;

    /// <summary>Lets everything through.</summary>
    public static readonly NetReceiveFilter All = new();

    /// <summary>The guest's address.</summary>
    public MacAddress Address { get; init; }

    /// <summary>VIRTIO_NET_CTRL_RX_PROMISC.</summary>
    public bool Promiscuous { get; init; } = true;

    /// <summary>VIRTIO_NET_CTRL_RX_ALLMULTI.</summary>
    public bool AllMulticast { get; init; }

    /// <summary>The table of groups was too long to be kept: all are received.</summary>
    public bool MulticastOverflow { get; init; }

    /// <summary>VIRTIO_NET_CTRL_RX_ALLUNI.</summary>
    public bool AllUnicast { get; init; }

    /// <summary>The table of unicast addresses was too long to be kept: all are received.</summary>
    public bool UnicastOverflow { get; init; }

    /// <summary>VIRTIO_NET_CTRL_RX_NOMULTI.</summary>
    public bool NoMulticast { get; init; }

    /// <summary>VIRTIO_NET_CTRL_RX_NOUNI.</summary>
    public bool NoUnicast { get; init; }

    /// <summary>VIRTIO_NET_CTRL_RX_NOBCAST.</summary>
    public bool NoBroadcast { get; init; }

    /// <summary>The table of unicast addresses.</summary>
    public MacAddress[] Unicast { get; init; } = [];

    /// <summary>The table of groups.</summary>
    public MacAddress[] Multicast { get; init; } = [];

    /// <summary>A bit for each VLAN that is received; null receives all, as without VIRTIO_NET_F_CTRL_VLAN.</summary>
    public ulong[]? Vlans { get; init; }

    /// <summary>Nothing is filtered.</summary>
    public bool IsOpen => Promiscuous && Vlans is null;

    /// <summary>Whether the driver wants a frame.</summary>
    /// <param name="frame">Its start, an Ethernet header at least.</param>
    public bool Takes(ReadOnlySpan<byte> frame)
    {
        if (Vlans is { } vlans && frame.Length >= 16 && frame[12] == 0x81 && frame[13] == 0)
        {
            int vlan = ((frame[14] & 15) << 8) | frame[15];
            if ((vlans[vlan >> 6] & (1ul << (vlan & 63))) == 0)
            {
                return false;
            }
        }

        if (Promiscuous)
        {
            return true;
        }

        MacAddress destination = MacAddress.Read(frame);
        if (destination == MacAddress.Broadcast)
        {
            return !NoBroadcast;
        }

        return destination.IsMulticast
            ? !NoMulticast && (AllMulticast || MulticastOverflow || Array.IndexOf(Multicast, destination) >= 0)
            : !NoUnicast && (AllUnicast || UnicastOverflow || destination == Address || Array.IndexOf(Unicast, destination) >= 0);
    }
}
