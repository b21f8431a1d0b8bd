namespace Makatea.NetStack;

/// <summary>A message, read whole ([RFC 1035] 4.1).</summary>
internal sealed class DnsMessage
{
    internal const int HeaderLength = 12;

    /// <summary>Most bytes that a message over UDP has here and is asked to have: what passes unfragmented everywhere (DNS flag day 2020).</summary>
    internal const int UdpSize = 1232;

    /// <summary>Most bytes over UDP that somebody takes who does not say ([RFC 1035] 2.3.4).</summary>
    internal const int PlainUdpSize = 512;

    internal required ushort Id { get; init; }

    internal required DnsFlags Flags { get; init; }

    internal required DnsQuestion Question { get; init; }

    internal IReadOnlyList<DnsRecord> Answers { get; init; } = [];

    internal IReadOnlyList<DnsRecord> Authorities { get; init; } = [];

    /// <summary>Null where there is no OPT record.</summary>
    internal DnsExtension? Extension { get; init; }

    internal int Opcode => ((int)Flags >> 11) & 0xf;

    internal byte ResponseCode => (byte)((int)Flags & 0xf);
}

/// <summary>The OPT record of [RFC 6891] 6.1.3.</summary>
/// <param name="UdpSize">Most bytes that the sender takes over UDP.</param>
/// <param name="Version">0.</param>
/// <param name="IsDnssecOk">Whether records of DNSSEC are wanted ([RFC 3225] 3).</param>
/// <param name="ExtendedCode">Upper eight bits of the response code.</param>
internal readonly record struct DnsExtension(ushort UdpSize, byte Version, bool IsDnssecOk, byte ExtendedCode);

[Flags]
internal enum DnsFlags : ushort
{
    None = 0,
    CheckingDisabled = 1 << 4,
    AuthenticData = 1 << 5,
    RecursionAvailable = 1 << 7,
    RecursionDesired = 1 << 8,
    Truncated = 1 << 9,
    Authoritative = 1 << 10,
    OpcodeMask = 0xf << 11,
    Response = 1 << 15,
}
