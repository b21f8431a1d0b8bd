namespace Makatea.NetStack;

/// <summary>What an ICMP error says about a packet that the domain sent.</summary>
public readonly record struct IpErrorInfo
{
    /// <summary>The port that the error arrived on.</summary>
    public int Port { get; init; }

    /// <summary>Who reports.</summary>
    public IpAddress Reporter { get; init; }

    /// <summary>Source of the packet: one of the domain's addresses.</summary>
    public IpAddress Source { get; init; }

    /// <summary>Where the packet was to go.</summary>
    public IpAddress Destination { get; init; }

    /// <summary>Protocol of the packet.</summary>
    public byte Protocol { get; init; }

    /// <summary>What happened.</summary>
    public IpErrorKind Kind { get; init; }

    /// <summary>With <see cref="IpErrorKind.PacketTooBig"/>: what the next link carries, as it claims; 0 where an old router does not say.</summary>
    public int Mtu { get; init; }
}

/// <summary>Kinds of ICMP errors, as far as senders treat them differently.</summary>
public enum IpErrorKind
{
    /// <summary>For now there is no way: net or host unreachable, hop limit exceeded.</summary>
    Unreachable,

    /// <summary>Nobody waits there for the protocol, or on the port.</summary>
    Refused,

    /// <summary>A policy forbids it.</summary>
    Prohibited,

    /// <summary>The packet is larger than a link on its way carries ([RFC 1191] 4, [RFC 8201] 4).</summary>
    PacketTooBig,
}
