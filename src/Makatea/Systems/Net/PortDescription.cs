namespace Makatea.Systems;

/// <summary>A qube's way to the network: its port at its net domain.</summary>
internal sealed class PortDescription
{
    /// <summary>Largest packet where nothing is said: Ethernet's.</summary>
    public const int DefaultMtu = 1500;

    /// <summary>IPv4 address; by default one of <see cref="AddressPlan"/>'s.</summary>
    public Located<string>? Ip { get; set; }

    /// <summary>IPv6 address.</summary>
    public Located<string>? Ip6 { get; set; }

    /// <summary>Ethernet address.</summary>
    public Located<string>? Mac { get; set; }

    /// <summary>Largest packet in bytes.</summary>
    public int Mtu { get; set; } = DefaultMtu;

    /// <summary>Number of pairs of virtqueues.</summary>
    public int Queues { get; set; } = 1;

    /// <summary>How much may pass, each way.</summary>
    public PortLimits? Limits { get; set; }
}

/// <summary>Limits of a port, for each direction; what is null is not limited.</summary>
internal sealed class PortLimits
{
    /// <summary>Bytes a second.</summary>
    public ulong? BytesPerSecond { get; set; }

    /// <summary>Packets a second.</summary>
    public long? PacketsPerSecond { get; set; }

    /// <summary>How long the full rate can be saved up, in milliseconds.</summary>
    public long? BurstMilliseconds { get; set; }
}

/// <summary>A port of the uplink's address that leads to a qube.</summary>
internal sealed class PublishDescription
{
    /// <summary>The port outside, at the last net domain of the qube's chain.</summary>
    public Located<long> Port { get; set; }

    /// <summary>The port of the qube; null for the same.</summary>
    public long? To { get; set; }

    /// <summary>It is a UDP port, not a TCP port.</summary>
    public bool IsUdp { get; set; }

    /// <summary>As messages name it, such as <c>tcp port 8080</c>.</summary>
    public string Describe() => $"{(IsUdp ? "udp" : "tcp")} port {Port.Value}";
}
