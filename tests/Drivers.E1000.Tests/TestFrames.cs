using System.Buffers.Binary;

namespace Makatea.Drivers.E1000.Tests;

/// <summary>Frames with right headers, and the arithmetic of the internet checksum (RFC 1071), written apart from the driver's.</summary>
internal static class TestFrames
{
    public const int Ip4Headers = 54;
    public const int Ip6Headers = 74;

    public static readonly byte[] Peer = [0x02, 0, 0, 0, 0, 0x99];

    /// <summary>TCP over IPv4 with a right IP header, and the sum of the pseudo header in the place of the checksum.</summary>
    public static byte[] Tcp4(int payload, byte[]? destination = null, byte[]? source = null, ushort port = 1000)
    {
        byte[] frame = Ip4(6, 20 + payload, destination, source);
        Tcp(frame.AsSpan(34), payload, port);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(50), Sum(frame.AsSpan(26, 8), (uint)(6 + 20 + payload)));
        return frame;
    }

    /// <summary>UDP over IPv4, likewise.</summary>
    public static byte[] Udp4(int payload, byte[]? destination = null, byte[]? source = null, ushort port = 1000)
    {
        byte[] frame = Ip4(17, 8 + payload, destination, source);
        Span<byte> udp = frame.AsSpan(34);
        BinaryPrimitives.WriteUInt16BigEndian(udp, port);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], 2000);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)(8 + payload));
        new Random(payload).NextBytes(udp[8..]);
        BinaryPrimitives.WriteUInt16BigEndian(udp[6..], Sum(frame.AsSpan(26, 8), (uint)(17 + 8 + payload)));
        return frame;
    }

    /// <summary>TCP over IPv6, likewise.</summary>
    public static byte[] Tcp6(int payload, byte[]? destination = null, byte[]? source = null)
    {
        byte[] frame = new byte[Ip6Headers + payload];
        (destination ?? Peer).CopyTo(frame, 0);
        (source ?? Peer).CopyTo(frame, 6);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x86dd);
        frame[14] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), (ushort)(20 + payload));
        frame[20] = 6;
        frame[21] = 64;
        new Random(6).NextBytes(frame.AsSpan(22, 32));
        Tcp(frame.AsSpan(54), payload, 1000);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(70), Sum(frame.AsSpan(22, 32), (uint)(6 + 20 + payload)));
        return frame;
    }

    /// <summary>Puts the checksum in where the sum of the pseudo header is.</summary>
    public static byte[] Finish(byte[] frame, int start, int offset)
    {
        ushort checksum = (ushort)~Sum(frame.AsSpan(start), 0);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(start + offset), checksum == 0 ? (ushort)0xffff : checksum);
        return frame;
    }

    /// <summary>The checksum of TCP or UDP is right.</summary>
    public static bool IsTransportGood(ReadOnlySpan<byte> frame)
    {
        int network = frame[12] == 0x81 && frame[13] == 0 ? 18 : 14;
        if (frame[network] >> 4 == 4)
        {
            int header = (frame[network] & 15) * 4;
            int length = BinaryPrimitives.ReadUInt16BigEndian(frame[(network + 2)..]) - header;
            return Sum(frame.Slice(network + header, length), (uint)(frame[network + 9] + length) + Sum(frame.Slice(network + 12, 8), 0)) == 0xffff;
        }

        int rest = BinaryPrimitives.ReadUInt16BigEndian(frame[(network + 4)..]);
        return Sum(frame.Slice(network + 40, rest), (uint)(frame[network + 6] + rest) + Sum(frame.Slice(network + 8, 32), 0)) == 0xffff;
    }

    /// <summary>The checksum of the IPv4 header is right.</summary>
    public static bool IsIp4Good(ReadOnlySpan<byte> frame, int network = 14) => Sum(frame.Slice(network, (frame[network] & 15) * 4), 0) == 0xffff;

    /// <summary>The ones' complement sum.</summary>
    public static ushort Sum(ReadOnlySpan<byte> bytes, uint start)
    {
        ulong sum = start;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (ulong)bytes[i] << ((i & 1) == 0 ? 8 : 0);
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)sum;
    }

    private static byte[] Ip4(byte protocol, int length, byte[]? destination, byte[]? source)
    {
        byte[] frame = new byte[34 + length];
        (destination ?? Peer).CopyTo(frame, 0);
        (source ?? Peer).CopyTo(frame, 6);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0800);
        frame[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), (ushort)(20 + length));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), 0x1234);
        frame[22] = 64;
        frame[23] = protocol;
        ((ReadOnlySpan<byte>)[10, 0, 0, 1, 10, 0, 0, 2]).CopyTo(frame.AsSpan(26));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), (ushort)~Sum(frame.AsSpan(14, 20), 0));
        return frame;
    }

    private static void Tcp(Span<byte> tcp, int payload, ushort port)
    {
        BinaryPrimitives.WriteUInt16BigEndian(tcp, port);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], 80);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], 0xfffff000);
        tcp[12] = 0x50;
        tcp[13] = 0x18;
        tcp[14] = 0x10;
        new Random(payload).NextBytes(tcp.Slice(20, payload));
    }
}
