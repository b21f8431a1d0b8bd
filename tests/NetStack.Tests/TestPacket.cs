using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Tests.Traffic;

namespace Makatea.NetStack.Tests;

/// <summary>Makes frames, and takes them apart, apart from how the stack does.</summary>
internal sealed record TestPacket
{
    public static readonly MacAddress MacA = new(0x0016_3e00_0001);
    public static readonly MacAddress MacB = new(0x0016_3e00_0002);

    public MacAddress To { get; init; } = MacB;

    public MacAddress From { get; init; } = MacA;

    public ushort? Vlan { get; init; }

    public string Source { get; init; } = "10.137.0.5";

    public string Destination { get; init; } = "93.184.216.34";

    public byte Protocol { get; init; } = 17;

    public ushort SourcePort { get; init; } = 40_000;

    public ushort DestinationPort { get; init; } = 53;

    public byte HopLimit { get; init; } = 64;

    public ushort Identification { get; init; } = 7;

    /// <summary>The word with flags and fragment offset of IPv4.</summary>
    public ushort Fragment { get; init; } = 0x4000;

    /// <summary>Options of IPv4, or extension headers of IPv6 (the first byte of each is the next's number; <see cref="FirstExtension"/> the first's).</summary>
    public byte[] Options { get; init; } = [];

    public byte FirstExtension { get; init; }

    public byte[] TcpOptions { get; init; } = [];

    public byte TcpFlags { get; init; } = 0x18;

    public uint Sequence { get; init; } = 1000;

    public uint Acknowledged { get; init; }

    public ushort Window { get; init; } = 0x2000;

    /// <summary>Type of the ICMP message; an echo request where it is none.</summary>
    public byte? IcmpType { get; init; }

    public byte[] Payload { get; init; } = [];

    /// <summary>The transport header and payload, in place of those that are made.</summary>
    public byte[]? Raw { get; init; }

    /// <summary>The field holds the sum of the pseudo header alone.</summary>
    public bool IsPartial { get; init; }

    public bool IsIPv6 => Source.Contains(':', StringComparison.Ordinal);

    public int IpOffset => Vlan is null ? 14 : 18;

    public int TransportOffset => IpOffset + (IsIPv6 ? 40 : 20) + Options.Length;

    public int HeaderLength => TransportOffset + (Protocol == 6 ? 20 + TcpOptions.Length : 8);

    public static IpAddress Ip(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new FormatException(text);

    /// <summary>The frame.</summary>
    public byte[] Build()
    {
        byte[] transport = Raw ?? MakeTransport();
        byte[] frame = new byte[TransportOffset + transport.Length];
        To.Write(frame);
        From.Write(frame.AsSpan(6));
        if (Vlan is { } vlan)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x8100);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(14), vlan);
        }

        Span<byte> ip = frame.AsSpan(IpOffset);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(IpOffset - 2), (ushort)(IsIPv6 ? 0x86dd : 0x0800));
        if (IsIPv6)
        {
            ip[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(Options.Length + transport.Length));
            ip[6] = Options.Length == 0 ? Protocol : FirstExtension;
            ip[7] = HopLimit;
            Ip(Source).Write(ip[8..]);
            Ip(Destination).Write(ip[24..]);
            Options.CopyTo(ip[40..]);
        }
        else
        {
            ip[0] = (byte)(0x45 + (Options.Length / 4));
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(20 + Options.Length + transport.Length));
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], Identification);
            BinaryPrimitives.WriteUInt16BigEndian(ip[6..], Fragment);
            ip[8] = HopLimit;
            ip[9] = Protocol;
            Ip(Source).Write(ip[12..]);
            Ip(Destination).Write(ip[16..]);
            Options.CopyTo(ip[20..]);
            BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~InternetChecksum.Sum(ip[..(20 + Options.Length)]));
        }

        transport.CopyTo(frame, TransportOffset);
        return frame;
    }

    /// <summary>The checksums of IP and of what it carries are right, and lengths are those of the frame. Of a frame without fragment.</summary>
    public static void AssertRight(ReadOnlySpan<byte> frame)
    {
        int ip = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) == 0x8100 ? 18 : 14;
        ReadOnlySpan<byte> packet = frame[ip..];
        bool isIPv6 = packet[0] >> 4 == 6;
        int header = isIPv6 ? 40 : (packet[0] & 15) * 4;
        int length = isIPv6 ? 40 + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) : BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        Assert.Equal(packet.Length, length);
        byte protocol = packet[isIPv6 ? 6 : 9];
        if (isIPv6)
        {
            while (protocol is 0 or 60)
            {
                protocol = packet[header];
                header += (packet[header + 1] + 1) * 8;
            }
        }
        else
        {
            Assert.Equal(0xffff, InternetChecksum.Sum(packet[..header]));
        }

        ReadOnlySpan<byte> addresses = isIPv6 ? packet.Slice(8, 32) : packet.Slice(12, 8);
        uint pseudo = protocol == 1 ? 0u : InternetChecksum.Sum(addresses, (uint)(protocol + packet.Length - header));
        Assert.Equal(0xffff, InternetChecksum.Sum(packet[header..], pseudo));
        if (protocol == 17)
        {
            Assert.Equal(packet.Length - header, BinaryPrimitives.ReadUInt16BigEndian(packet[(header + 4)..]));
        }
    }

    private byte[] MakeTransport()
    {
        byte[] transport = new byte[HeaderLength - TransportOffset + Payload.Length];
        Payload.CopyTo(transport, HeaderLength - TransportOffset);
        int field = 2;
        if (Protocol is 6 or 17)
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport, SourcePort);
            BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(2), DestinationPort);
        }

        switch (Protocol)
        {
            case 6:
                BinaryPrimitives.WriteUInt32BigEndian(transport.AsSpan(4), Sequence);
                transport[12] = (byte)(0x50 + (TcpOptions.Length * 4));
                transport[13] = TcpFlags;
                BinaryPrimitives.WriteUInt32BigEndian(transport.AsSpan(8), Acknowledged);
                BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(14), Window);
                TcpOptions.CopyTo(transport, 20);
                field = 16;
                break;
            case 17:
                BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(4), (ushort)transport.Length);
                field = 6;
                break;
            default:
                transport[0] = IcmpType ?? (byte)(IsIPv6 ? 128 : 8);
                BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(4), SourcePort);
                break;
        }

        Span<byte> addresses = stackalloc byte[32];
        int half = Ip(Source).Write(addresses);
        Ip(Destination).Write(addresses[half..]);
        uint pseudo = Protocol == 1 ? 0u : InternetChecksum.Sum(addresses[..(2 * half)], (uint)(Protocol + transport.Length));
        ushort sum = IsPartial ? (ushort)pseudo : (ushort)~InternetChecksum.Sum(transport, pseudo);
        BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(field), IsPartial ? InternetChecksum.Sum([], pseudo) : sum == 0 && Protocol == 17 ? (ushort)0xffff : sum);
        return transport;
    }
}
