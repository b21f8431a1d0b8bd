using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>What a packet's headers say of the flow that it is of.</summary>
internal readonly struct TransportHeader
{
    /// <summary>Length of the shortest UDP and ICMP header.</summary>
    internal const int ShortLength = 8;

    private const byte EchoReply4 = 0;
    private const byte EchoRequest4 = 8;
    private const byte EchoRequest6 = 128;
    private const byte EchoReply6 = 129;

    /// <summary>Addresses, ports, protocol. With an ICMP error, addresses and protocol alone.</summary>
    public FlowKey Key { get; init; }

    /// <summary>It may be the first packet of a flow: TCP is told elsewhere, ICMP but for echo requests may not.</summary>
    public bool MayBegin { get; init; }

    /// <summary>An ICMP echo request, which answers nothing.</summary>
    public bool IsEchoRequest => MayBegin && Key.Protocol is IpProtocol.Icmp4 or IpProtocol.Icmp6;

    /// <summary>An ICMP error, which is of the flow that it quotes.</summary>
    public bool IsError { get; init; }

    /// <summary>Type of the ICMP message.</summary>
    public byte IcmpType { get; init; }

    /// <summary>Reads the headers of a packet.</summary>
    /// <returns><see cref="FlowVerdict.Forward"/>, or <see cref="FlowVerdict.Malformed"/>, or <see cref="FlowVerdict.Invalid"/> with ICMP messages that are of no flow.</returns>
    internal static FlowVerdict TryRead(in FlowPacket packet, out TransportHeader header)
    {
        ReadOnlySpan<byte> bytes = packet.Bytes;
        header = default;
        if (!TryReadAddresses(bytes, packet.Protocol, out FlowKey key) || packet.TransportOffset > bytes.Length)
        {
            return FlowVerdict.Malformed;
        }

        ReadOnlySpan<byte> transport = bytes[packet.TransportOffset..];
        switch (packet.Protocol)
        {
            case IpProtocol.Tcp or IpProtocol.Udp:
                if (transport.Length < ShortLength)
                {
                    return FlowVerdict.Malformed;
                }

                header = new() { Key = WithPorts(key, transport), MayBegin = true };
                return FlowVerdict.Forward;
            case IpProtocol.Icmp4 when key.IsIPv4:
            case IpProtocol.Icmp6 when !key.IsIPv4:
                if (transport.Length < ShortLength)
                {
                    return FlowVerdict.Malformed;
                }

                header = ReadIcmp(key, transport);
                return header.MayBegin || header.IsError || IsEchoReply(key, transport[0]) ? FlowVerdict.Forward : FlowVerdict.Invalid;
            case IpProtocol.Icmp4 or IpProtocol.Icmp6:
                // ICMP of the other family.
                return FlowVerdict.Malformed;
            default:
                header = new() { Key = key, MayBegin = true };
                return FlowVerdict.Forward;
        }
    }

    /// <summary>Reads the start of a packet that an ICMP error quotes.</summary>
    /// <param name="transport">Its transport header, eight bytes at least.</param>
    /// <param name="key">Addresses and protocol; gets the ports.</param>
    /// <returns>False where such a packet is of no flow.</returns>
    internal static bool TryReadQuoted(ReadOnlySpan<byte> transport, ref FlowKey key)
    {
        switch (key.Protocol)
        {
            case IpProtocol.Tcp or IpProtocol.Udp:
                key = WithPorts(key, transport);
                return true;
            case IpProtocol.Icmp4 or IpProtocol.Icmp6:
                TransportHeader quoted = ReadIcmp(key, transport);
                key = quoted.Key;
                return !quoted.IsError && (quoted.MayBegin || IsEchoReply(key, transport[0]));
            default:
                return true;
        }
    }

    /// <summary>Reads the addresses of an IP header.</summary>
    internal static bool TryReadAddresses(ReadOnlySpan<byte> bytes, byte protocol, out FlowKey key)
    {
        if (bytes.Length >= IPv4Header.Length && bytes[0] >> 4 == 4)
        {
            key = new(IpAddress.ReadIPv4(bytes[IPv4Header.SourceOffset..]), IpAddress.ReadIPv4(bytes[IPv4Header.DestinationOffset..]), 0, 0, protocol);
            return true;
        }

        if (bytes.Length >= IPv6Header.Length && bytes[0] >> 4 == 6)
        {
            key = new(IpAddress.ReadIPv6(bytes[IPv6Header.SourceOffset..]), IpAddress.ReadIPv6(bytes[IPv6Header.DestinationOffset..]), 0, 0, protocol);

            // A mapped address in a packet of IPv6 would pass for one of IPv4.
            return !key.Source.IsIPv4 && !key.Destination.IsIPv4;
        }

        key = default;
        return false;
    }

    private static FlowKey WithPorts(in FlowKey key, ReadOnlySpan<byte> transport) =>
        key with { SourcePort = BinaryPrimitives.ReadUInt16BigEndian(transport), DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(transport[2..]) };

    private static bool IsEchoReply(in FlowKey key, byte type) => type == (key.IsIPv4 ? EchoReply4 : EchoReply6);

    private static TransportHeader ReadIcmp(in FlowKey key, ReadOnlySpan<byte> message)
    {
        byte type = message[0];
        ushort identifier = BinaryPrimitives.ReadUInt16BigEndian(message[4..]);
        bool isRequest = type == (key.IsIPv4 ? EchoRequest4 : EchoRequest6);
        bool isReply = IsEchoReply(key, type);
        return new()
        {
            Key = isRequest ? key with { SourcePort = identifier } : isReply ? key with { DestinationPort = identifier } : key,
            MayBegin = isRequest,
            IcmpType = type,

            // [RFC 792]: unreachable, time exceeded, parameter problem; [RFC 4443] 2.1: types below 128.
            IsError = key.IsIPv4 ? type is 3 or 11 or 12 : type is >= 1 and <= 4,
        };
    }
}
