using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// struct virtio_net_hdr, which stands before each frame ([VIRTIO-1.3] 5.1.6), as two numbers that are read and written once.
/// <code>
/// 0: u8 flags | 1: u8 gso_type | 2: le16 hdr_len | 4: le16 gso_size | 6: le16 csum_start       the first
/// 8: le16 csum_offset | 10: le16 num_buffers                                                   the second
/// 12: le32 hash_value | 16: le16 hash_report | 18: padding                                     with HASH_REPORT
/// </code>
/// </summary>
internal static class NetHeader
{
    /// <summary>Length in bytes without a hash.</summary>
    public const int Length = 12;

    /// <summary>Length in bytes with VIRTIO_NET_F_HASH_REPORT.</summary>
    public const int LengthWithHash = 20;

    /// <summary>Length in bytes of an Ethernet header: no frame is shorter.</summary>
    public const int EthernetLength = 14;

    /// <summary>Longest frame in bytes: an Ethernet header, two VLAN tags, and the largest packet of IP.</summary>
    public const int MaxFrameLength = EthernetLength + 8 + 65535 + 40;

    private const ulong NeedsChecksum = 1;
    private const ulong DataValid = 2;
    private const uint GsoNone = 0;
    private const uint GsoTcp4 = 1;
    private const uint GsoTcp6 = 4;
    private const uint GsoUdp = 5;
    private const uint GsoEcn = 0x80;
    private const NetFrameFlags Segmentation = NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentTcp6 | NetFrameFlags.SegmentUdp4 | NetFrameFlags.SegmentUdp6;

    /// <summary>The length that the features make it.</summary>
    public static int LengthFor(ulong features) => (features & NetFeatures.HashReport) != 0 ? LengthWithHash : Length;

    /// <summary>
    /// Checks what a driver asks for with a frame and says it in our terms. What it says of lengths is checked against the copy of the frame, or found out there.
    /// </summary>
    /// <param name="first">Bytes 0 to 7 of the header.</param>
    /// <param name="second">Bytes 8 to 11.</param>
    /// <param name="frame">The copy, as far as it is contiguous from its start.</param>
    /// <param name="length">Length of the whole frame in bytes.</param>
    /// <param name="features">Features negotiated.</param>
    /// <param name="offload">What is asked for.</param>
    /// <returns>False where it cannot be: the frame is dropped.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ulong first, uint second, ReadOnlySpan<byte> frame, int length, ulong features, out NetFrameOffload offload)
    {
        offload = default;
        const ulong Asked = NeedsChecksum | 0xff00;
        return (first & Asked) == 0 || TryReadOffload(first, second, frame, length, features, ref offload);
    }

    /// <summary>The header of a frame for the driver.</summary>
    /// <param name="offload">What is known of the frame.</param>
    /// <param name="offloads">What the driver takes: of <see cref="NetFeatures.GuestOffloads"/>.</param>
    /// <param name="first">Bytes 0 to 7.</param>
    /// <param name="second">Bytes 8 to 11, without num_buffers.</param>
    /// <returns>False where the driver does not take such a frame.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryWrite(in NetFrameOffload offload, ulong offloads, out ulong first, out uint second)
    {
        first = 0;
        second = 0;
        return offload.Flags == NetFrameFlags.None || TryWriteOffload(offload, offloads, ref first, ref second);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryReadOffload(ulong first, uint second, ReadOnlySpan<byte> frame, int length, ulong features, ref NetFrameOffload offload)
    {
        int start = (ushort)(first >> 48);
        int offset = (ushort)second;
        uint gso = (byte)(first >> 8);
        if ((features & NetFeatures.Checksum) == 0 || (first & NeedsChecksum) == 0
            || start < EthernetLength || start + offset + 2 > Math.Min(length, frame.Length))
        {
            return false;
        }

        offload.Flags = NetFrameFlags.NeedsChecksum;
        offload.ChecksumStart = (ushort)start;
        offload.ChecksumOffset = (ushort)offset;
        return gso == GsoNone || TryReadSegmentation(gso, (ushort)(first >> 32), frame, length, features, ref offload);
    }

    /// <summary>hdr_len is a hint and often wrong (5.1.6.2); the headers themselves say how long they are.</summary>
    private static bool TryReadSegmentation(uint gso, ushort size, ReadOnlySpan<byte> frame, int length, ulong features, ref NetFrameOffload offload)
    {
        if (size == 0 || !TryFindTransport(frame, out int transport, out bool is6, out byte protocol) || transport != offload.ChecksumStart)
        {
            return false;
        }

        bool ecn = (gso & GsoEcn) != 0;
        ulong needed;
        NetFrameFlags flag;
        int header;
        switch (gso & ~GsoEcn)
        {
            case GsoTcp4 or GsoTcp6:
                if (is6 != ((gso & ~GsoEcn) == GsoTcp6) || protocol != 6 || offload.ChecksumOffset != 16 || transport + 20 > frame.Length)
                {
                    return false;
                }

                header = (frame[transport + 12] >> 4) * 4;
                if (header < 20)
                {
                    return false;
                }

                needed = (is6 ? NetFeatures.HostTso6 : NetFeatures.HostTso4) | (ecn ? NetFeatures.HostEcn : 0);
                flag = (is6 ? NetFrameFlags.SegmentTcp6 : NetFrameFlags.SegmentTcp4) | (ecn ? NetFrameFlags.SegmentEcn : 0);
                break;
            case GsoUdp when !ecn && protocol == 17 && offload.ChecksumOffset == 6:
                header = 8;
                needed = NetFeatures.HostUso;
                flag = is6 ? NetFrameFlags.SegmentUdp6 : NetFrameFlags.SegmentUdp4;
                break;
            default:
                return false;
        }

        if ((features & needed) != needed || transport + header > Math.Min(length, frame.Length))
        {
            return false;
        }

        offload.Flags |= flag;
        offload.SegmentSize = size;
        offload.HeaderLength = (ushort)(transport + header);
        return true;
    }

    /// <summary>Finds the transport header of a packet of IP that is no fragment.</summary>
    private static bool TryFindTransport(ReadOnlySpan<byte> frame, out int transport, out bool is6, out byte protocol)
    {
        transport = 0;
        is6 = false;
        protocol = 0;
        if (!FlowFields.TryFindNetwork(frame, out int network, out ushort type))
        {
            return false;
        }

        ReadOnlySpan<byte> packet = frame[network..];
        if (type == 0x0800 && packet.Length >= 20 && packet[0] >> 4 == 4)
        {
            int header = (packet[0] & 15) * 4;
            protocol = packet[9];
            transport = network + header;
            return header >= 20 && header <= packet.Length && (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3fff) == 0;
        }

        if (type != 0x86dd || packet.Length < 40 || packet[0] >> 4 != 6)
        {
            return false;
        }

        is6 = true;
        protocol = packet[6];
        int at = 40;

        // Options of hops and of the destination, and routing: each says its length in units of 8 bytes beyond the first.
        while (protocol is 0 or 43 or 60)
        {
            if (packet.Length < at + 8)
            {
                return false;
            }

            protocol = packet[at];
            at += (packet[at + 1] + 1) * 8;
        }

        transport = network + at;
        return at <= packet.Length;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryWriteOffload(in NetFrameOffload offload, ulong offloads, ref ulong first, ref uint second)
    {
        NetFrameFlags segmentation = offload.Flags & Segmentation;
        if (segmentation == 0 && (offload.Flags & NetFrameFlags.NeedsChecksum) == 0)
        {
            first = (offload.Flags & NetFrameFlags.ChecksumGood) != 0 && (offloads & NetFeatures.GuestChecksum) != 0 ? DataValid : 0;
            return (offload.Flags & NetFrameFlags.HasVlanTag) == 0;
        }

        (ulong needed, uint gso) = segmentation switch
        {
            NetFrameFlags.None => (0ul, GsoNone),
            NetFrameFlags.SegmentTcp4 => (NetFeatures.GuestTso4, GsoTcp4),
            NetFrameFlags.SegmentTcp6 => (NetFeatures.GuestTso6, GsoTcp6),
            NetFrameFlags.SegmentUdp4 => (NetFeatures.GuestUso4, GsoUdp),
            NetFrameFlags.SegmentUdp6 => (NetFeatures.GuestUso6, GsoUdp),
            _ => (ulong.MaxValue, GsoNone),
        };
        if ((offload.Flags & NetFrameFlags.SegmentEcn) != 0)
        {
            needed |= NetFeatures.GuestEcn;
            gso |= GsoEcn;
        }

        needed |= NetFeatures.GuestChecksum;
        if ((offloads & needed) != needed || (offload.Flags & NetFrameFlags.HasVlanTag) != 0)
        {
            return false;
        }

        first = NeedsChecksum | ((ulong)gso << 8) | ((ulong)offload.ChecksumStart << 48);
        if (gso != GsoNone)
        {
            first |= ((ulong)offload.HeaderLength << 16) | ((ulong)offload.SegmentSize << 32);
        }

        second = offload.ChecksumOffset;
        return true;
    }
}
