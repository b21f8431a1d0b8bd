using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>
/// Reads ICMP errors about the domain's own packets ([RFC 792], [RFC 4443] 3): eight bytes, then the start of the packet that failed. Whoever hands the packet over has checked the checksum.
/// </summary>
internal static class IcmpError
{
    /// <summary>Length of the ICMP header in front of the quotation.</summary>
    internal const int HeaderLength = 8;

    // What identifies a flow of any transport: [RFC 792] asks for as much.
    private const int LeastQuoted = 8;
    private const int HeaderLength4 = 20;
    private const int HeaderLength6 = 40;

    internal static bool IsError(in IpPacketInfo info, ReadOnlySpan<byte> payload) =>
        payload.Length > 0 && (info.Destination.IsIPv4 ? payload[0] is 3 or 11 or 12 : payload[0] < 128);

    internal static bool TryRead(in IpPacketInfo info, ReadOnlySpan<byte> payload, out IpErrorInfo error, out ReadOnlySpan<byte> quoted)
    {
        error = default;
        quoted = default;
        if (payload.Length < HeaderLength)
        {
            return false;
        }

        ReadOnlySpan<byte> packet = payload[HeaderLength..];
        return info.Destination.IsIPv4 ? TryRead4(info, payload, packet, out error, out quoted) : TryRead6(info, payload, packet, out error, out quoted);
    }

    private static bool TryRead4(in IpPacketInfo info, ReadOnlySpan<byte> message, ReadOnlySpan<byte> packet, out IpErrorInfo error, out ReadOnlySpan<byte> quoted)
    {
        error = default;
        quoted = default;
        if (packet.Length < HeaderLength4 || packet[0] >> 4 != 4)
        {
            return false;
        }

        int header = (packet[0] & 0xf) * 4;
        bool isLaterFragment = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1fff) != 0;
        if (header < HeaderLength4 || packet.Length < header + LeastQuoted || isLaterFragment)
        {
            return false;
        }

        quoted = packet[header..];
        error = new()
        {
            Port = info.Port,
            Reporter = info.Source,
            Source = IpAddress.ReadIPv4(packet[12..]),
            Destination = IpAddress.ReadIPv4(packet[16..]),
            Protocol = packet[9],
            Kind = (message[0], message[1]) switch
            {
                (3, 4) => IpErrorKind.PacketTooBig,
                (3, 2 or 3) => IpErrorKind.Refused,
                (3, 9 or 10 or 13) => IpErrorKind.Prohibited,
                _ => IpErrorKind.Unreachable,
            },
            Mtu = BinaryPrimitives.ReadUInt16BigEndian(message[6..]),
        };
        return true;
    }

    // The domain's own packets have no extension headers, so a quotation that has some is of no packet of ours.
    private static bool TryRead6(in IpPacketInfo info, ReadOnlySpan<byte> message, ReadOnlySpan<byte> packet, out IpErrorInfo error, out ReadOnlySpan<byte> quoted)
    {
        error = default;
        quoted = default;
        if (packet.Length < HeaderLength6 + LeastQuoted || packet[0] >> 4 != 6)
        {
            return false;
        }

        var source = IpAddress.ReadIPv6(packet[8..]);
        var destination = IpAddress.ReadIPv6(packet[24..]);
        if (source.IsIPv4 || destination.IsIPv4)
        {
            return false;
        }

        quoted = packet[HeaderLength6..];
        error = new()
        {
            Port = info.Port,
            Reporter = info.Source,
            Source = source,
            Destination = destination,
            Protocol = packet[6],
            Kind = (message[0], message[1]) switch
            {
                (2, _) => IpErrorKind.PacketTooBig,
                (1, 4) or (4, 1) => IpErrorKind.Refused,
                (1, 1 or 5 or 6) => IpErrorKind.Prohibited,
                _ => IpErrorKind.Unreachable,
            },
            Mtu = (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(message[4..]), ushort.MaxValue),
        };
        return true;
    }
}
