using System.Buffers.Binary;

namespace Makatea.Platform.Linux;

/// <summary>
/// The headers of a frame that the kernel is to cut into segments, in a copy of the port's own: the kernel takes lengths and the header checksum as they are where the frame
/// goes to itself uncut, and the checksum field as the sum of the pseudo header, all of which a frame may leave out.
/// </summary>
internal static class SegmentedHeaders
{
    /// <summary>Longest headers taken.</summary>
    internal const int MaxLength = 256;

    private const int EthernetLength = 14;
    private const int VlanLength = 4;
    private const int MinIp4 = 20;
    private const int Ip6 = 40;
    private const byte Tcp = 6;
    private const byte Udp = 17;

    /// <summary>Puts them right.</summary>
    /// <param name="headers">All headers, from the start of the frame.</param>
    /// <param name="length">Length of the frame.</param>
    /// <param name="offload">What it asks for, which was found possible.</param>
    /// <returns>False where the headers are not what was said.</returns>
    internal static bool TryPrepare(Span<byte> headers, int length, in NetFrameOffload offload)
    {
        bool isIp4 = (offload.Flags & (NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentUdp4)) != 0;
        bool isTcp = (offload.Flags & (NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentTcp6)) != 0;
        int transport = offload.ChecksumStart;
        int network = EthernetLength;
        if (headers.Length < EthernetLength + MinIp4)
        {
            return false;
        }

        ushort type = BinaryPrimitives.ReadUInt16BigEndian(headers[12..]);
        if (type is 0x8100 or 0x88a8)
        {
            type = BinaryPrimitives.ReadUInt16BigEndian(headers[16..]);
            network += VlanLength;
        }

        if (type != (isIp4 ? 0x0800 : 0x86dd) || transport < network + (isIp4 ? MinIp4 : Ip6) || transport + (isTcp ? 20 : 8) > headers.Length
            || length - network - (isIp4 ? 0 : Ip6) > ushort.MaxValue)
        {
            return false;
        }

        Span<byte> ip = headers[network..transport];
        Span<byte> l4 = headers[transport..];
        uint sum = isIp4 ? PrepareIp4(ip, length - network) : PrepareIp6(ip, length - network - Ip6);
        int payload = length - transport;
        if (!isTcp)
        {
            BinaryPrimitives.WriteUInt16BigEndian(l4[4..], (ushort)payload);
        }

        sum += (uint)(isTcp ? Tcp : Udp) + (uint)payload;
        BinaryPrimitives.WriteUInt16BigEndian(l4[(isTcp ? 16 : 6)..], Fold(sum));
        return true;
    }

    /// <returns>Sum of both addresses.</returns>
    private static uint PrepareIp4(Span<byte> ip, int length)
    {
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)length);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~Fold(Sum(ip)));
        return Sum(ip.Slice(12, 8));
    }

    private static uint PrepareIp6(Span<byte> ip, int length)
    {
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)length);
        return Sum(ip.Slice(8, 32));
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (; bytes.Length >= 2; bytes = bytes[2..])
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
        }

        return sum;
    }

    private static ushort Fold(uint sum)
    {
        sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)((sum & 0xffff) + (sum >> 16));
    }
}
