using System.Buffers.Binary;
using System.Net;
using Makatea.Platform;
using Makatea.Tests.Traffic;

namespace Makatea.EndToEnd;

/// <summary>Frames with IPv4 or IPv6 in them, and what they hold.</summary>
internal static class IpFrame
{
    public const byte Icmp4 = 1;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Icmp6 = 58;

    /// <summary>Shortest frame on a wire, without its check sequence.</summary>
    public const int MinLength = 60;

    private const int Ethernet = 14;

    /// <summary>
    /// Makes a frame. The checksum of TCP and UDP is for the adapter to put in: in its place is the sum of the pseudo header. That of ICMP is put in here, as QEMU's 82574L takes
    /// all that it sums for TCP or UDP; and that of frames which will be padded, as it takes the padding for data.
    /// </summary>
    public static byte[] Make(MacAddress from, MacAddress to, IPAddress source, IPAddress destination, byte protocol, ReadOnlySpan<byte> transport, out NetFrameOffload offload)
    {
        bool isIp6 = source.GetAddressBytes().Length == 16;
        int start = Ethernet + (isIp6 ? 40 : 20);
        byte[] frame = new byte[start + transport.Length];
        to.Write(frame);
        from.Write(frame.AsSpan(6));
        Span<byte> ip = frame.AsSpan(Ethernet);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), (ushort)(isIp6 ? 0x86dd : 0x0800));
        ip[0] = (byte)(isIp6 ? 0x60 : 0x45);
        if (isIp6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)transport.Length);
            ip[6] = protocol;
            ip[7] = 255;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(20 + transport.Length));
            ip[8] = 64;
            ip[9] = protocol;
        }

        source.GetAddressBytes().CopyTo(ip[(isIp6 ? 8 : 12)..]);
        destination.GetAddressBytes().CopyTo(ip[(isIp6 ? 24 : 16)..]);
        if (!isIp6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~InternetChecksum.Sum(ip[..20]));
        }

        transport.CopyTo(frame.AsSpan(start));
        int place = protocol switch
        {
            Tcp => 16,
            Udp => 6,
            _ => 2,
        };
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(start + place), protocol == Icmp4 ? (ushort)0 : SumPseudoHeader(frame, transport.Length));
        if (protocol is Icmp4 or Icmp6 || frame.Length < MinLength)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(start + place), Checksum(frame.AsSpan(start)));
            offload = default;
            return frame;
        }

        offload = new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = (ushort)start, ChecksumOffset = (ushort)place };
        return frame;
    }

    /// <summary>Takes a frame of IP apart, and fails where one of its checksums is wrong.</summary>
    /// <returns>Its transport header and what follows; empty where it is none of IP.</returns>
    public static ReadOnlySpan<byte> Open(ReadOnlySpan<byte> frame, out byte protocol, out IPAddress source)
    {
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        (protocol, source) = (0, IPAddress.None);
        if (type is not (0x0800 or 0x86dd))
        {
            return [];
        }

        bool isIp6 = type == 0x86dd;
        ReadOnlySpan<byte> ip = frame[Ethernet..];
        protocol = ip[isIp6 ? 6 : 9];
        source = new(isIp6 ? ip.Slice(8, 16) : ip.Slice(12, 4));
        int header = isIp6 ? 40 : (ip[0] & 15) * 4;
        int length = BinaryPrimitives.ReadUInt16BigEndian(ip[(isIp6 ? 4 : 2)..]) - (isIp6 ? 0 : header);
        ReadOnlySpan<byte> transport = ip.Slice(header, length);
        if (!isIp6)
        {
            Assert.Equal(0xffff, InternetChecksum.Sum(ip[..header]));
            Assert.Equal(0, BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & 0x3fff);
        }

        if (protocol is Tcp or Udp or Icmp6)
        {
            Assert.Equal(0xffff, InternetChecksum.Sum(transport, SumPseudoHeader(frame, length)));
        }
        else if (protocol == Icmp4)
        {
            Assert.Equal(0xffff, InternetChecksum.Sum(transport));
        }

        return transport;
    }

    // Zero would say that there is none.
    private static ushort Checksum(ReadOnlySpan<byte> transport) => InternetChecksum.Sum(transport) is var sum and not 0xffff ? (ushort)~sum : (ushort)0xffff;

    private static ushort SumPseudoHeader(ReadOnlySpan<byte> frame, int length)
    {
        ReadOnlySpan<byte> ip = frame[Ethernet..];
        return ip[0] >> 4 == 6
            ? InternetChecksum.Sum(ip.Slice(8, 32), (uint)(ip[6] + length))
            : InternetChecksum.Sum(ip.Slice(12, 8), (uint)(ip[9] + length));
    }
}
