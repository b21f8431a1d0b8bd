using System.Buffers.Binary;

namespace Makatea.Drivers.E1000;

/// <summary>
/// The headers of a frame that the controller is to cut into segments: Ethernet with at most one VLAN tag, IPv4 or IPv6, TCP. They are read from the driver's own copy, so
/// that what was checked is what the controller sees.
/// </summary>
internal readonly struct SegmentationHeader
{
    private const int EtherTypeOffset = 12;
    private const ushort VlanEtherType = 0x8100;
    private const ushort Ip4EtherType = 0x0800;
    private const ushort Ip6EtherType = 0x86dd;
    private const byte Tcp = 6;
    private const int Ip4Length = 20;
    private const int Ip6Length = 40;
    private const int TcpLength = 20;

    private SegmentationHeader(bool isIp4, int networkStart, int transportStart, int length)
    {
        IsIp4 = isIp4;
        NetworkStart = networkStart;
        TransportStart = transportStart;
        Length = length;
    }

    /// <summary>Longest that the context's 8 bits express.</summary>
    public const int MaxLength = byte.MaxValue;

    /// <summary>Where the checksum is in the TCP header.</summary>
    public const int ChecksumOffset = 16;

    /// <summary>IPv4; otherwise IPv6.</summary>
    public bool IsIp4 { get; }

    /// <summary>Where the IP header is.</summary>
    public int NetworkStart { get; }

    /// <summary>Where the TCP header is.</summary>
    public int TransportStart { get; }

    /// <summary>Length of all headers.</summary>
    public int Length { get; }

    /// <summary>
    /// Checks headers and makes of them what the controller starts from: no length and no checksum in the IP header, the sum of the pseudo header without the length
    /// in the TCP header ([8254x-SDM] 3.5.3 and 3.5.5).
    /// </summary>
    /// <param name="bytes">The headers, <see cref="MaxLength"/> at most.</param>
    /// <param name="isIp4">What the frame is said to be.</param>
    /// <param name="transportStart">Where its TCP header is said to be.</param>
    /// <param name="header">What was found.</param>
    /// <returns>False where they are something else.</returns>
    public static bool TryPrepare(Span<byte> bytes, bool isIp4, int transportStart, out SegmentationHeader header)
    {
        header = default;
        int network = bytes.Length >= EtherTypeOffset + 6 && BinaryPrimitives.ReadUInt16BigEndian(bytes[EtherTypeOffset..]) == VlanEtherType ? 18 : 14;
        if (transportStart < network + (isIp4 ? Ip4Length : Ip6Length)
            || bytes.Length < transportStart + TcpLength
            || bytes.Length != transportStart + ((bytes[transportStart + 12] >> 4) * 4)
            || BinaryPrimitives.ReadUInt16BigEndian(bytes[(network - 2)..]) != (isIp4 ? Ip4EtherType : Ip6EtherType))
        {
            return false;
        }

        header = new(isIp4, network, transportStart, bytes.Length);
        return isIp4 ? header.TryPrepareIp4(bytes) : header.TryPrepareIp6(bytes);
    }

    private bool TryPrepareIp4(Span<byte> bytes)
    {
        Span<byte> ip = bytes[NetworkStart..TransportStart];
        if (ip[0] != (0x40 | (ip.Length / 4)) || (ip.Length & 3) != 0 || ip[9] != Tcp)
        {
            return false;
        }

        ip[2..4].Clear();
        ip[10..12].Clear();
        PutPseudoSum(bytes, ip[12..20]);
        return true;
    }

    private bool TryPrepareIp6(Span<byte> bytes)
    {
        // With extension headers, the last address may not be the destination's: their sum is left to who knows it, and so is the segmentation.
        Span<byte> ip = bytes[NetworkStart..TransportStart];
        if (ip[0] >> 4 != 6 || ip.Length != Ip6Length || ip[6] != Tcp)
        {
            return false;
        }

        ip[4..6].Clear();
        PutPseudoSum(bytes, ip[8..40]);
        return true;
    }

    private void PutPseudoSum(Span<byte> bytes, ReadOnlySpan<byte> addresses)
    {
        uint sum = Tcp;
        for (int i = 0; i < addresses.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(addresses[i..]);
        }

        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[(TransportStart + ChecksumOffset)..], (ushort)sum);
    }
}
