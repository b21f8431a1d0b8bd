namespace Makatea.NetStack;

/// <summary>What a router tells a packet's sender ([RFC 792], [RFC 4443] 3).</summary>
internal enum IcmpErrorKind
{
    /// <summary>No way to the destination.</summary>
    NoRoute,

    /// <summary>No rule allows it.</summary>
    Prohibited,

    /// <summary>Larger than the next link carries, which is said.</summary>
    TooBig,

    /// <summary>The hop limit was used up.</summary>
    HopLimit,

    /// <summary>Nobody waits for the protocol.</summary>
    NoProtocol,

    /// <summary>Nobody waits on the port.</summary>
    NoPort,
}

/// <summary>Numbers of errors.</summary>
internal static class IcmpErrorKinds
{
    public const byte Echo4 = 8;
    public const byte EchoReply4 = 0;
    public const byte Echo6 = 128;
    public const byte EchoReply6 = 129;

    /// <summary>Type and code.</summary>
    public static (byte Type, byte Code) Of(IcmpErrorKind kind, bool isIPv4) => (kind, isIPv4) switch
    {
        (IcmpErrorKind.NoRoute, true) => (3, 1),
        (IcmpErrorKind.NoRoute, false) => (1, 0),
        (IcmpErrorKind.Prohibited, true) => (3, 13),
        (IcmpErrorKind.Prohibited, false) => (1, 1),
        (IcmpErrorKind.TooBig, true) => (3, 4),
        (IcmpErrorKind.TooBig, false) => (2, 0),
        (IcmpErrorKind.HopLimit, true) => (11, 0),
        (IcmpErrorKind.HopLimit, false) => (3, 0),
        (IcmpErrorKind.NoProtocol, true) => (3, 2),
        (IcmpErrorKind.NoProtocol, false) => (4, 1),
        (IcmpErrorKind.NoPort, true) => (3, 3),
        _ => (1, 4),
    };

    /// <summary>Whether an error may be sent about an ICMP message: not about errors, and of IPv4 not about what is no question ([RFC 1812] 4.3.2.7, [RFC 4443] 2.4 e).</summary>
    public static bool IsQuestion(byte type, bool isIPv4) => isIPv4 ? type is 8 or 13 or 15 or 17 or 0 : type >= 128 && type != NeighbourMessage.Redirect;
}
