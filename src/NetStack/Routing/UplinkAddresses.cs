namespace Makatea.NetStack;

/// <summary>A router's addresses at its uplink, and the ways out; from DHCP, router advertisements or the system file.</summary>
public sealed record UplinkAddresses
{
    /// <summary>The IPv4 address; null before there is one.</summary>
    public IpAddress? IPv4 { get; init; }

    /// <summary>Addresses that are on the link itself.</summary>
    public IpPrefix? Network4 { get; init; }

    /// <summary>The next hop for all others.</summary>
    public IpAddress? Gateway4 { get; init; }

    /// <summary>The IPv6 address; null before there is one.</summary>
    public IpAddress? IPv6 { get; init; }

    /// <summary>Addresses that are on the link itself.</summary>
    public IpPrefix? Network6 { get; init; }

    /// <summary>The next hop for all others, usually a link-local address.</summary>
    public IpAddress? Gateway6 { get; init; }

    /// <summary>The next hop to an address.</summary>
    /// <returns>False where there is none.</returns>
    internal bool TryNextHop(IpAddress destination, out IpAddress nextHop)
    {
        IpPrefix? network = destination.IsIPv4 ? Network4 : Network6;
        IpAddress? gateway = destination.IsIPv4 ? Gateway4 : Gateway6;
        bool isOnLink = (!destination.IsIPv4 && destination.IsLinkLocal) || (network is { } prefix && prefix.Contains(destination));
        nextHop = isOnLink ? destination : gateway ?? default;
        return isOnLink || gateway is not null;
    }
}
