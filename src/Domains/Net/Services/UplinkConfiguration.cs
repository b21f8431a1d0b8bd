using Makatea.NetStack;

namespace Makatea.Domains.Net;

/// <summary>What an uplink has and knows at one moment.</summary>
internal sealed record UplinkConfiguration
{
    /// <summary>Its IPv4 address and the length of its network; null while it has none.</summary>
    public (IpAddress Address, int Length)? Address4 { get; init; }

    /// <summary>Ways out: networks and their routers, unspecified where the network is on the link.</summary>
    public IReadOnlyList<(IpPrefix Network, IpAddress Router)> Routes4 { get; init; } = [];

    /// <summary>Its IPv6 address and the length of its network.</summary>
    public (IpAddress Address, int Length)? Address6 { get; init; }

    /// <summary>The IPv6 router; null while there is none.</summary>
    public IpAddress? Router6 { get; init; }

    /// <summary>Servers for names.</summary>
    public IReadOnlyList<IpAddress> NameServers { get; init; } = [];

    /// <summary>What the network says of its MTU; 0 where it does not.</summary>
    public int Mtu { get; init; }
}
