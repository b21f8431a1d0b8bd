namespace Makatea.Virtio.Net;

/// <summary>VIRTIO_NET_HASH_TYPE_* ([VIRTIO-1.3] 5.1.6.4.3.1). Those of IPv6 with extension headers are not offered: such packets have no hash.</summary>
[Flags]
internal enum NetHashTypes : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Addresses of IPv4.</summary>
    IPv4 = 1 << 0,

    /// <summary>Addresses of IPv4 and ports of TCP.</summary>
    TcpV4 = 1 << 1,

    /// <summary>Addresses of IPv4 and ports of UDP.</summary>
    UdpV4 = 1 << 2,

    /// <summary>Addresses of IPv6.</summary>
    IPv6 = 1 << 3,

    /// <summary>Addresses of IPv6 and ports of TCP.</summary>
    TcpV6 = 1 << 4,

    /// <summary>Addresses of IPv6 and ports of UDP.</summary>
    UdpV6 = 1 << 5,

    /// <summary>All that are offered.</summary>
    All = IPv4 | TcpV4 | UdpV4 | IPv6 | TcpV6 | UdpV6,
}
