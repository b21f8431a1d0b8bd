namespace Makatea.NetStack;

/// <summary>
/// One rule of a qube's firewall, in the terms of Qubes' <c>qvm-firewall</c>. What is not set matches everything. Packets from the qube are matched, of new flows alone.
/// </summary>
public sealed record FirewallRule
{
    /// <summary>What happens to what matches.</summary>
    public required FirewallAction Action { get; init; }

    /// <summary>Addresses that it is for; null with <see cref="Name"/> or where it is for all.</summary>
    public IpPrefix? Network { get; init; }

    /// <summary>Name of a host whose addresses it is for; null with <see cref="Network"/> or where it is for all.</summary>
    public string? Name { get; init; }

    /// <summary>The protocol.</summary>
    public FirewallProtocol Protocol { get; init; }

    /// <summary>First and last port; null is all. With TCP and UDP alone.</summary>
    public (ushort First, ushort Last)? Ports { get; init; }

    /// <summary>Type of the ICMP message; null is all. With ICMP alone.</summary>
    public byte? IcmpType { get; init; }

    /// <summary>It is for the name servers that the qube was told to use, TCP and UDP port 53, as far as the rest of the rule matches those.</summary>
    public bool IsDns { get; init; }

    /// <summary>Until when it holds, in seconds of UNIX time; null is always.</summary>
    public long? Expire { get; init; }

    /// <summary>For people.</summary>
    public string? Comment { get; init; }

    /// <summary>Reads a rule such as <c>action=accept dst4=10.0.0.0/8 proto=tcp dstports=80-443</c>.</summary>
    /// <exception cref="FormatException">It is none; the message names the key, what was seen and what is allowed.</exception>
    public static FirewallRule Parse(string text) => FirewallRuleText.Parse(text);

    /// <summary>Writes the rule as <see cref="Parse"/> reads it, in the order in which Qubes writes it.</summary>
    public override string ToString() => FirewallRuleText.Print(this);
}

/// <summary>What a rule does.</summary>
public enum FirewallAction
{
    /// <summary>What matches is dropped, and the qube is told that it is prohibited.</summary>
    Drop,

    /// <summary>What matches goes on.</summary>
    Accept,
}

/// <summary>Protocols that rules tell apart.</summary>
public enum FirewallProtocol
{
    /// <summary>All.</summary>
    Any,

    /// <summary>TCP.</summary>
    Tcp,

    /// <summary>UDP.</summary>
    Udp,

    /// <summary>ICMP of the packet's family: of IPv4, and of IPv6.</summary>
    Icmp,

    /// <summary>ICMP of IPv6.</summary>
    Icmp6,
}
