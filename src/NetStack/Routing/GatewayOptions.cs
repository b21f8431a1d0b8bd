using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>What all ports of a router to qubes have in common; the defaults are Qubes'.</summary>
public sealed record GatewayOptions
{
    /// <summary>MAC address of the domain as qubes see it.</summary>
    public MacAddress GatewayMac { get; init; } = new(0xfeff_ffff_ffff);

    /// <summary>Address of the domain as qubes see it.</summary>
    public IpAddress Gateway4 { get; init; } = IpAddress.FromIPv4(0x0a89_0001);

    /// <summary>Link-local address of the domain as qubes see it.</summary>
    public IpAddress Gateway6 { get; init; } = IpAddress.LinkLocal(new(0xfeff_ffff_ffff));

    /// <summary>Further addresses of the domain, of either family, such as those of its DNS forwarder.</summary>
    public IReadOnlyList<IpAddress> LocalAddresses { get; init; } = [];

    /// <summary>Most ICMP errors and answers to pings a second, for each port.</summary>
    public int IcmpPerSecond { get; init; } = 100;
}
