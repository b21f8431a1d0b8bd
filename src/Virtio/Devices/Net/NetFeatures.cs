using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>Feature bits of a network device ([VIRTIO-1.3] 5.1.3), as masks.</summary>
internal static class NetFeatures
{
    /// <summary>VIRTIO_NET_F_CSUM: the device takes frames whose checksum is left to it.</summary>
    public const ulong Checksum = 1ul << 0;

    /// <summary>VIRTIO_NET_F_GUEST_CSUM: the driver takes such frames.</summary>
    public const ulong GuestChecksum = 1ul << 1;

    /// <summary>VIRTIO_NET_F_CTRL_GUEST_OFFLOADS: the driver switches what it takes while it runs.</summary>
    public const ulong ControlGuestOffloads = 1ul << 2;

    /// <summary>VIRTIO_NET_F_MTU: the device says its largest payload.</summary>
    public const ulong Mtu = 1ul << 3;

    /// <summary>VIRTIO_NET_F_MAC: the device says its address.</summary>
    public const ulong Mac = 1ul << 5;

    /// <summary>VIRTIO_NET_F_GUEST_TSO4: the driver takes TCP over IPv4 that was not cut.</summary>
    public const ulong GuestTso4 = 1ul << 7;

    /// <summary>VIRTIO_NET_F_GUEST_TSO6: the same over IPv6.</summary>
    public const ulong GuestTso6 = 1ul << 8;

    /// <summary>VIRTIO_NET_F_GUEST_ECN: also with a congestion window that was reduced.</summary>
    public const ulong GuestEcn = 1ul << 9;

    /// <summary>VIRTIO_NET_F_HOST_TSO4: the device takes TCP over IPv4 that is left to be cut.</summary>
    public const ulong HostTso4 = 1ul << 11;

    /// <summary>VIRTIO_NET_F_HOST_TSO6: the same over IPv6.</summary>
    public const ulong HostTso6 = 1ul << 12;

    /// <summary>VIRTIO_NET_F_HOST_ECN: also with a congestion window that was reduced.</summary>
    public const ulong HostEcn = 1ul << 13;

    /// <summary>VIRTIO_NET_F_MRG_RXBUF: a frame may fill several receive buffers.</summary>
    public const ulong MergeableBuffers = 1ul << 15;

    /// <summary>VIRTIO_NET_F_STATUS: the status field is there.</summary>
    public const ulong Status = 1ul << 16;

    /// <summary>VIRTIO_NET_F_CTRL_VQ: there is a control virtqueue.</summary>
    public const ulong ControlQueue = 1ul << 17;

    /// <summary>VIRTIO_NET_F_CTRL_RX: receive modes and address filters.</summary>
    public const ulong ControlReceive = 1ul << 18;

    /// <summary>VIRTIO_NET_F_CTRL_VLAN: a filter of VLANs.</summary>
    public const ulong ControlVlan = 1ul << 19;

    /// <summary>VIRTIO_NET_F_CTRL_RX_EXTRA: further receive modes.</summary>
    public const ulong ControlReceiveExtra = 1ul << 20;

    /// <summary>VIRTIO_NET_F_GUEST_ANNOUNCE: the driver tells its neighbours where it is when asked to.</summary>
    public const ulong GuestAnnounce = 1ul << 21;

    /// <summary>VIRTIO_NET_F_MQ: several pairs of queues, steered by flow.</summary>
    public const ulong MultiQueue = 1ul << 22;

    /// <summary>VIRTIO_NET_F_CTRL_MAC_ADDR: the driver changes the address.</summary>
    public const ulong ControlMacAddress = 1ul << 23;

    /// <summary>VIRTIO_NET_F_NOTF_COAL: the driver has notifications held back.</summary>
    public const ulong NotificationCoalescing = 1ul << 53;

    /// <summary>VIRTIO_NET_F_GUEST_USO4: the driver takes UDP over IPv4 that was not cut.</summary>
    public const ulong GuestUso4 = 1ul << 54;

    /// <summary>VIRTIO_NET_F_GUEST_USO6: the same over IPv6.</summary>
    public const ulong GuestUso6 = 1ul << 55;

    /// <summary>VIRTIO_NET_F_HOST_USO: the device takes UDP that is left to be cut.</summary>
    public const ulong HostUso = 1ul << 56;

    /// <summary>VIRTIO_NET_F_HASH_REPORT: received frames come with their hash.</summary>
    public const ulong HashReport = 1ul << 57;

    /// <summary>VIRTIO_NET_F_RSS: the driver says which queue a hash goes to.</summary>
    public const ulong Rss = 1ul << 60;

    /// <summary>VIRTIO_NET_F_SPEED_DUPLEX: the device says its speed.</summary>
    public const ulong SpeedDuplex = 1ul << 63;

    /// <summary>What the driver may leave to us.</summary>
    public const ulong HostOffloads = Checksum | HostTso4 | HostTso6 | HostEcn | HostUso;

    /// <summary>What may be left to the driver, which is also what VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET switches (5.1.6.5.7).</summary>
    public const ulong GuestOffloads = GuestChecksum | GuestTso4 | GuestTso6 | GuestEcn | GuestUso4 | GuestUso6;

    /// <summary>What needs a control virtqueue.</summary>
    public const ulong Control = ControlQueue | ControlGuestOffloads | ControlReceive | ControlVlan | ControlReceiveExtra | ControlMacAddress
        | GuestAnnounce | NotificationCoalescing;

    private const ulong GuestSegmentation = GuestTso4 | GuestTso6 | GuestUso4 | GuestUso6;
    private const ulong HostSegmentation = HostTso4 | HostTso6 | HostUso;

    /// <summary>The offloads as the other side sees them: what may be left to the device in the bits of what may be left to the driver, and the other way round.</summary>
    public static ulong Mirror(ulong features)
    {
        ulong result = features & ~(HostOffloads | GuestOffloads);
        Swap(Checksum, GuestChecksum);
        Swap(HostTso4, GuestTso4);
        Swap(HostTso6, GuestTso6);
        Swap(HostEcn, GuestEcn);
        Swap(HostUso, GuestUso4 | GuestUso6);
        return result;

        void Swap(ulong host, ulong guest)
        {
            result |= (features & host) != 0 ? guest : 0;
            result |= (features & guest) == guest ? host : 0;
        }
    }

    /// <summary>What a driver takes, in the words of a port.</summary>
    public static NetOffloads TakenBy(ulong offloads) =>
        If(offloads, GuestChecksum, NetOffloads.Checksum) | If(offloads, GuestTso4, NetOffloads.SegmentTcp4)
        | If(offloads, GuestTso6, NetOffloads.SegmentTcp6) | If(offloads, GuestEcn, NetOffloads.SegmentEcn)
        | If(offloads, GuestUso4, NetOffloads.SegmentUdp4) | If(offloads, GuestUso6, NetOffloads.SegmentUdp6);

    /// <summary>What a driver may leave to us, in the words of a port.</summary>
    public static NetOffloads OfferedTo(ulong features) =>
        If(features, Checksum, NetOffloads.Checksum) | If(features, HostTso4, NetOffloads.SegmentTcp4)
        | If(features, HostTso6, NetOffloads.SegmentTcp6) | If(features, HostEcn, NetOffloads.SegmentEcn)
        | If(features, HostUso, NetOffloads.SegmentUdp4 | NetOffloads.SegmentUdp6);

    /// <summary>
    /// Names what a choice of features lacks ([VIRTIO-1.3] 5.1.3.1), or null. That multi-queue and announcements need a control queue does not hold here: a front end of vhost-user may serve
    /// it by itself and keeps VIRTIO_NET_F_CTRL_VQ from us.
    /// </summary>
    public static string? Lacks(ulong features)
    {
        if ((features & GuestSegmentation) != 0 && (features & GuestChecksum) == 0)
        {
            return "GUEST_TSO4, GUEST_TSO6, GUEST_USO4 and GUEST_USO6 need GUEST_CSUM";
        }

        if ((features & HostSegmentation) != 0 && (features & Checksum) == 0)
        {
            return "HOST_TSO4, HOST_TSO6 and HOST_USO need CSUM";
        }

        if ((features & GuestEcn) != 0 && (features & (GuestTso4 | GuestTso6)) == 0)
        {
            return "GUEST_ECN needs GUEST_TSO4 or GUEST_TSO6";
        }

        return (features & HostEcn) != 0 && (features & (HostTso4 | HostTso6)) == 0 ? "HOST_ECN needs HOST_TSO4 or HOST_TSO6" : null;
    }

    private static NetOffloads If(ulong features, ulong feature, NetOffloads offload) => (features & feature) != 0 ? offload : NetOffloads.None;
}
