using System.Buffers.Binary;
using Makatea.NetStack;

namespace Makatea.Benchmarks.Net;

/// <summary>IP packets of 60 bytes or so, for the tracker; their checksums are whatever they are, as translation changes them by what changed.</summary>
internal static class FlowFrames
{
    internal const byte Tcp = 6;
    internal const byte Udp = 17;
    private const byte Ack = 16;

    internal static IpAddress Ip(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new FormatException(text);

    internal static byte[] Make(string source, string destination, byte protocol, ushort sourcePort, ushort destinationPort, uint sequence = 1000, uint acknowledged = 1, byte flags = Ack)
    {
        bool isIPv6 = source.Contains(':', StringComparison.Ordinal);
        int header = isIPv6 ? 40 : 20;
        byte[] packet = new byte[header + 20];
        packet[0] = (byte)(isIPv6 ? 0x60 : 0x45);
        packet[isIPv6 ? 6 : 9] = protocol;
        Ip(source).Write(packet.AsSpan(isIPv6 ? 8 : 12));
        Ip(destination).Write(packet.AsSpan(isIPv6 ? 24 : 16));
        Span<byte> transport = packet.AsSpan(header);
        BinaryPrimitives.WriteUInt16BigEndian(transport, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(transport[2..], destinationPort);
        if (protocol == Tcp)
        {
            BinaryPrimitives.WriteUInt32BigEndian(transport[4..], sequence);
            BinaryPrimitives.WriteUInt32BigEndian(transport[8..], acknowledged);
            transport[12] = 0x50;
            transport[13] = flags;
            BinaryPrimitives.WriteUInt16BigEndian(transport[14..], 0xffff);
        }

        return packet;
    }

    internal static FlowPacket Describe(byte[] packet)
    {
        bool isIPv6 = packet[0] >> 4 == 6;
        return new() { Bytes = packet, Length = packet.Length, Protocol = packet[isIPv6 ? 6 : 9], TransportOffset = isIPv6 ? 40 : 20 };
    }
}
