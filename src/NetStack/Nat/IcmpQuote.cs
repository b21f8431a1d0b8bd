namespace Makatea.NetStack;

/// <summary>The packet that an ICMP error quotes: which flow it is of, and how it is translated back for who sent it ([RFC 5508] 4, [RFC 4443] 2.4).</summary>
internal readonly struct IcmpQuote
{
    /// <summary>ICMP header in front of the quoted packet.</summary>
    private const int HeaderLength = 8;

    // What is quoted of a transport header at least ([RFC 792]).
    private const int LeastTransport = 8;

    // Up to the checksum of TCP.
    private const int MostTransport = 18;
    private const int MostHeaders = 256;

    /// <summary>What the quoted packet carries.</summary>
    public FlowKey Key { get; private init; }

    private int Start { get; init; }

    private int TransportOffset { get; init; }

    /// <summary>Reads the quoted packet of an ICMP error.</summary>
    /// <returns>False where too little of it is quoted, or it is of no flow.</returns>
    internal static bool TryRead(in FlowPacket packet, out IcmpQuote quote)
    {
        quote = default;
        int start = packet.TransportOffset + HeaderLength;
        ReadOnlySpan<byte> bytes = packet.Bytes[start..];

        // Only the start is quoted, so that any length is right. A header whose checksum is wrong is not what was sent ([RFC 5508] 4.1).
        DropReason fault = IpPacket.Read(packet.Protocol == IpProtocol.Icmp4, bytes, int.MaxValue, isSegmented: false, out IpPacket quoted);
        var key = new FlowKey(quoted.Source, quoted.Destination, 0, 0, quoted.Protocol);
        int transport = quoted.TransportOffset;
        if (fault != DropReason.None || quoted.FragmentOffset != 0 || transport > MostHeaders || transport + LeastTransport > bytes.Length
            || !TransportHeader.TryReadQuoted(bytes[transport..], ref key))
        {
            return false;
        }

        quote = new() { Key = key, Start = start, TransportOffset = transport };
        return true;
    }

    /// <summary>Rewrites the quoted packet and the checksum of the error around it.</summary>
    /// <param name="packet">The error.</param>
    /// <param name="wanted">What the quoted packet is to carry.</param>
    /// <param name="outer">Difference of the error's own addresses, which ICMPv6 covers.</param>
    internal void Rewrite(in FlowPacket packet, in FlowKey wanted, ulong outer)
    {
        Span<byte> quoted = packet.Bytes[Start..];
        int length = Math.Min(quoted.Length, TransportOffset + MostTransport) & ~1;
        Span<byte> before = stackalloc byte[MostHeaders + MostTransport];
        before = before[..length];
        quoted[..length].CopyTo(before);
        HeaderTranslation.RewriteHeaders(quoted, TransportOffset, isPartial: false, Key, wanted);
        ulong difference = Checksum.Difference(before, quoted[..length]);
        Span<byte> checksum = packet.Bytes[(packet.TransportOffset + IpProtocol.ChecksumOffset(packet.Protocol))..];
        if (packet.IsPartialChecksum)
        {
            // Of ICMPv6 the pseudo header alone; ICMP has none.
            Checksum.UpdatePartial(checksum, Key.IsIPv4 ? 0 : outer);
        }
        else
        {
            Checksum.Update(checksum, Key.IsIPv4 ? difference : difference + outer);
        }
    }
}
