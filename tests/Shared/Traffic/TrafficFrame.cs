using System.Buffers.Binary;

namespace Makatea.Tests.Traffic;

/// <summary>
/// Frames of a long exchange between an adapter and a peer on its wire. Each is known in every byte from its number and the side that it comes from, but for a report that it carries of
/// what its sender received.
/// </summary>
/// <remarks>
/// Eight flows by turns, by fours UDP over IPv4, TCP over IPv4, TCP over IPv6, and UDP over IPv4 in a VLAN. All lengths occur that Ethernet has.
/// <code>
/// Ethernet 14 | IPv4 20 or IPv6 40 | UDP 8 or TCP 20 | number 4 | report 2 * 4 | body
/// </code>
/// </remarks>
internal static class TrafficFrame
{
    /// <summary>Flows: frame N is of flow N modulo this, and comes after frame N - Flows.</summary>
    public const int Flows = 8;

    /// <summary>In the place of the number: there is nothing but the report.</summary>
    public const uint ReportOnly = uint.MaxValue;

    /// <summary>Longest frame.</summary>
    public const int MaxLength = 1514;

    /// <summary>Longest headers, with number and report.</summary>
    public const int MaxHeaders = EthernetLength + 40 + 20 + InfoLength;

    /// <summary>Every so many frames of the peer's one has a wrong checksum, so that those that are called right are known to be looked at.</summary>
    public const int WrongEvery = 1009;

    private const int PageSize = 4096;
    private const int EthernetLength = 14;
    private const int InfoLength = 12;
    private const int Ip4 = 20;
    private const int Ip6 = 40;

    /// <summary>What bodies are parts of.</summary>
    public static readonly byte[] Bytes = MakeBytes();

    /// <summary>The peer's address.</summary>
    public static ReadOnlySpan<byte> PeerAddress => [0x02, 0, 0, 0, 0, 0x99];

    /// <summary>Flow of a frame.</summary>
    public static int FlowOf(uint number) => number == ReportOnly ? 0 : (int)(number % Flows);

    /// <summary>The tag of a flow's VLAN; 0 where it has none.</summary>
    public static ushort VlanOf(int flow) => (flow & 3) == 3 ? (ushort)(0x6000 + 100 + flow) : (ushort)0;

    /// <summary>Length of the headers with number and report, without a VLAN tag.</summary>
    public static int HeadersOf(int flow) => TransportOf(flow) + (IsTcp(flow) ? 20 : 8) + InfoLength;

    /// <summary>Where TCP or UDP begins.</summary>
    public static int TransportOf(int flow) => EthernetLength + (IsIp6(flow) ? Ip6 : Ip4);

    /// <summary>Where the checksum is in the header of TCP or UDP.</summary>
    public static int ChecksumOffsetOf(int flow) => IsTcp(flow) ? 16 : 6;

    /// <summary>
    /// Which part of <see cref="Bytes"/> a frame's body is, within a page: behind an IOMMU, QEMU's 82574L drops a frame of which a piece lies in two pages that are not neighbours
    /// in the machine's memory, whatever their addresses for the device.
    /// </summary>
    public static (int Start, int Length) BodyOf(uint number)
    {
        if (number == ReportOnly)
        {
            return default;
        }

        int length = (int)(number / Flows * 7 % (uint)(MaxLength - HeadersOf(FlowOf(number)) + 1));
        int page = (int)(number / Flows % (uint)(Bytes.Length / PageSize));
        return ((page * PageSize) + (int)(number * 61 % (uint)(PageSize - length + 1)), length);
    }

    /// <summary>The peer gives this frame a wrong checksum.</summary>
    public static bool IsWrong(uint number) => number != ReportOnly && number % WrongEvery == WrongEvery - 1;

    /// <summary>Writes all but the body. The checksum of IPv4 is put in; in the place of that of TCP or UDP is the sum of the pseudo header.</summary>
    /// <returns>Their length.</returns>
    public static int WriteHeaders(Span<byte> frame, uint number, bool fromPeer, ReadOnlySpan<byte> adapter, uint report0, uint report1)
    {
        int flow = FlowOf(number);
        int headers = HeadersOf(flow);
        int transport = TransportOf(flow);
        int length = headers - transport + BodyOf(number).Length;
        frame[..headers].Clear();
        (fromPeer ? adapter : PeerAddress).CopyTo(frame);
        (fromPeer ? PeerAddress : adapter).CopyTo(frame[6..]);
        uint pseudo = (uint)((IsTcp(flow) ? 6 : 17) + length);
        if (IsIp6(flow))
        {
            WriteIp6(frame, flow, fromPeer, length);
            pseudo = InternetChecksum.Sum(frame.Slice(EthernetLength + 8, 32), pseudo);
        }
        else
        {
            WriteIp4(frame, flow, fromPeer, length, number);
            pseudo = InternetChecksum.Sum(frame.Slice(EthernetLength + 12, 8), pseudo);
        }

        WriteTransport(frame[transport..], flow, length, number);
        BinaryPrimitives.WriteUInt16BigEndian(frame[(transport + ChecksumOffsetOf(flow))..], (ushort)pseudo);
        Span<byte> info = frame.Slice(headers - InfoLength, InfoLength);
        BinaryPrimitives.WriteUInt32BigEndian(info, number);
        BinaryPrimitives.WriteUInt32BigEndian(info[4..], report0);
        BinaryPrimitives.WriteUInt32BigEndian(info[8..], report1);
        return headers;
    }

    /// <summary>Reads number and report of a frame without VLAN tag.</summary>
    /// <returns>False where it is too short for the headers that it seems to have.</returns>
    public static bool TryReadInfo(ReadOnlySpan<byte> frame, out uint number, out uint report0, out uint report1)
    {
        bool isIp6 = frame.Length > EthernetLength && frame[EthernetLength] >> 4 == 6;
        int ip = EthernetLength + (isIp6 ? Ip6 : Ip4);
        bool isTcp = frame.Length > EthernetLength + 9 && frame[EthernetLength + (isIp6 ? 6 : 9)] == 6;
        int info = ip + (isTcp ? 20 : 8);
        number = report0 = report1 = 0;
        if (frame.Length < info + InfoLength)
        {
            return false;
        }

        number = BinaryPrimitives.ReadUInt32BigEndian(frame[info..]);
        report0 = BinaryPrimitives.ReadUInt32BigEndian(frame[(info + 4)..]);
        report1 = BinaryPrimitives.ReadUInt32BigEndian(frame[(info + 8)..]);
        return true;
    }

    /// <summary>Whether a frame is the one of its number in every byte but its transport checksum and padding to 60 bytes.</summary>
    public static bool IsAsSent(ReadOnlySpan<byte> frame, uint number, bool fromPeer, ReadOnlySpan<byte> adapter, uint report0, uint report1)
    {
        Span<byte> expected = stackalloc byte[MaxHeaders];
        int headers = WriteHeaders(expected, number, fromPeer, adapter, report0, report1);
        int checksum = TransportOf(FlowOf(number)) + ChecksumOffsetOf(FlowOf(number));
        (int start, int length) = BodyOf(number);
        return frame.Length >= headers + length && frame.Length <= Math.Max(60, headers + length)
            && frame[..checksum].SequenceEqual(expected[..checksum])
            && frame[(checksum + 2)..headers].SequenceEqual(expected[(checksum + 2)..headers])
            && frame.Slice(headers, length).SequenceEqual(Bytes.AsSpan(start, length));
    }

    /// <summary>Sums a frame's transport header and body with its pseudo header: 0xffff where the checksum in it is right.</summary>
    public static ushort SumTransport(ReadOnlySpan<byte> frame, uint number)
    {
        int flow = FlowOf(number);
        int transport = TransportOf(flow);
        int length = HeadersOf(flow) + BodyOf(number).Length - transport;
        ReadOnlySpan<byte> addresses = IsIp6(flow) ? frame.Slice(EthernetLength + 8, 32) : frame.Slice(EthernetLength + 12, 8);
        return InternetChecksum.Sum(frame.Slice(transport, length), InternetChecksum.Sum(addresses, (uint)((IsTcp(flow) ? 6 : 17) + length)));
    }

    private static bool IsTcp(int flow) => (flow & 3) is 1 or 2;

    private static bool IsIp6(int flow) => (flow & 3) == 2;

    private static void WriteIp4(Span<byte> frame, int flow, bool fromPeer, int length, uint number)
    {
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], 0x0800);
        Span<byte> ip = frame.Slice(EthernetLength, Ip4);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(Ip4 + length));
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)number);
        ip[8] = 64;
        ip[9] = (byte)(IsTcp(flow) ? 6 : 17);
        Span<byte> source = ip[12..16];
        Span<byte> destination = ip[16..20];
        ((ReadOnlySpan<byte>)[10, 0, (byte)flow, (byte)(fromPeer ? 2 : 1)]).CopyTo(source);
        ((ReadOnlySpan<byte>)[10, 0, (byte)flow, (byte)(fromPeer ? 1 : 2)]).CopyTo(destination);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~InternetChecksum.Sum(ip));
    }

    private static void WriteIp6(Span<byte> frame, int flow, bool fromPeer, int length)
    {
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], 0x86dd);
        Span<byte> ip = frame.Slice(EthernetLength, Ip6);
        ip[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)length);
        ip[6] = 6;
        ip[7] = 64;
        ip[8] = ip[24] = 0xfd;
        ip[22] = ip[38] = (byte)flow;
        ip[23] = (byte)(fromPeer ? 2 : 1);
        ip[39] = (byte)(fromPeer ? 1 : 2);
    }

    private static void WriteTransport(Span<byte> header, int flow, int length, uint number)
    {
        BinaryPrimitives.WriteUInt16BigEndian(header, (ushort)(1000 + flow));
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], 2000);
        if (IsTcp(flow))
        {
            BinaryPrimitives.WriteUInt32BigEndian(header[4..], number);
            header[12] = 0x50;
            header[13] = 0x10;
            header[14] = 0x20;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)length);
        }
    }

    private static byte[] MakeBytes()
    {
        byte[] bytes = new byte[64 << 10];
        new Random(82574).NextBytes(bytes);
        return bytes;
    }
}
