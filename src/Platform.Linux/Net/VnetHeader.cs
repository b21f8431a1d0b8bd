using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary><c>struct virtio_net_hdr</c>: what the kernel says of a frame that it hands out, and is told of one that it is given ([VIRTIO-1.3] 5.1.6).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct VnetHeader
{
    internal const int Length = 10;

    internal const byte FlagNeedsChecksum = 1;
    internal const byte FlagDataValid = 2;

    internal const byte GsoNone = 0;
    internal const byte GsoTcp4 = 1;
    internal const byte GsoTcp6 = 4;
    internal const byte GsoUdp = 5;
    internal const byte GsoEcn = 0x80;

    internal byte Flags;
    internal byte GsoType;
    internal ushort HeaderLength;
    internal ushort SegmentSize;
    internal ushort ChecksumStart;
    internal ushort ChecksumOffset;

    private const NetFrameFlags Segmentation = NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentTcp6 | NetFrameFlags.SegmentUdp4 | NetFrameFlags.SegmentUdp6;
    private const NetFrameFlags Known = Segmentation | NetFrameFlags.SegmentEcn | NetFrameFlags.NeedsChecksum | NetFrameFlags.ChecksumGood;
    private const byte TcpChecksumOffset = 16;
    private const byte UdpChecksumOffset = 6;

    /// <summary>What a frame asks for that is to be sent.</summary>
    /// <param name="offload">What it asks for.</param>
    /// <param name="length">Its length.</param>
    /// <param name="header">The header.</param>
    /// <returns>False where it asks for what is not possible.</returns>
    internal static bool TryTell(in NetFrameOffload offload, int length, out VnetHeader header)
    {
        header = default;
        NetFrameFlags flags = offload.Flags;
        if ((flags & ~NetFrameFlags.ChecksumGood) == 0)
        {
            return true;
        }

        NetFrameFlags segmentation = flags & Segmentation;
        if ((flags & ~Known) != 0 || (segmentation == 0 && (flags & NetFrameFlags.SegmentEcn) != 0))
        {
            return false;
        }

        header.Flags = FlagNeedsChecksum;
        header.ChecksumStart = offload.ChecksumStart;
        header.ChecksumOffset = offload.ChecksumOffset;
        if (segmentation != 0)
        {
            bool isTcp = (segmentation & (NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentTcp6)) != 0;
            header.GsoType = segmentation switch
            {
                NetFrameFlags.SegmentTcp4 => GsoTcp4,
                NetFrameFlags.SegmentTcp6 => GsoTcp6,
                NetFrameFlags.SegmentUdp4 or NetFrameFlags.SegmentUdp6 => GsoUdp,
                _ => GsoNone,
            };
            if (header.GsoType == GsoNone || offload.SegmentSize == 0 || offload.HeaderLength >= length || offload.HeaderLength <= offload.ChecksumStart
                || (!isTcp && (flags & NetFrameFlags.SegmentEcn) != 0))
            {
                return false;
            }

            header.GsoType |= (flags & NetFrameFlags.SegmentEcn) != 0 ? GsoEcn : (byte)0;
            header.HeaderLength = offload.HeaderLength;
            header.SegmentSize = offload.SegmentSize;
            header.ChecksumOffset = isTcp ? TcpChecksumOffset : UdpChecksumOffset;
        }

        return header.ChecksumStart + header.ChecksumOffset + sizeof(ushort) <= length;
    }

    /// <summary>What the kernel says of a frame that it handed out.</summary>
    /// <param name="frame">The start of the frame; all its headers lie in it.</param>
    /// <param name="length">Length of the frame.</param>
    /// <param name="offload">The same for the port's user.</param>
    /// <returns>False where it makes no sense.</returns>
    internal readonly bool TryHear(ReadOnlySpan<byte> frame, int length, ref NetFrameOffload offload)
    {
        if ((Flags & FlagNeedsChecksum) != 0)
        {
            if (ChecksumStart + ChecksumOffset + sizeof(ushort) > length)
            {
                return false;
            }

            offload.Flags |= NetFrameFlags.NeedsChecksum;
            offload.ChecksumStart = ChecksumStart;
            offload.ChecksumOffset = ChecksumOffset;
        }
        else if ((Flags & FlagDataValid) != 0)
        {
            offload.Flags |= NetFrameFlags.ChecksumGood;
        }

        return GsoType == GsoNone || TryHearSegmentation(frame, length, ref offload);
    }

    private readonly bool TryHearSegmentation(ReadOnlySpan<byte> frame, int length, ref NetFrameOffload offload)
    {
        // The kernel's header length is a hint that may take in data: the transport header says.
        if ((Flags & FlagNeedsChecksum) == 0 || ChecksumStart + 14 > frame.Length || ChecksumStart < 34 || SegmentSize == 0)
        {
            return false;
        }

        int transport = 8;
        switch (GsoType & ~GsoEcn)
        {
            case GsoTcp4:
                offload.Flags |= NetFrameFlags.SegmentTcp4;
                transport = (frame[ChecksumStart + 12] >> 4) * 4;
                break;
            case GsoTcp6:
                offload.Flags |= NetFrameFlags.SegmentTcp6;
                transport = (frame[ChecksumStart + 12] >> 4) * 4;
                break;
            case GsoUdp:
                offload.Flags |= IsIp6(frame) ? NetFrameFlags.SegmentUdp6 : NetFrameFlags.SegmentUdp4;
                break;
            default:
                return false;
        }

        offload.Flags |= (GsoType & GsoEcn) != 0 ? NetFrameFlags.SegmentEcn : NetFrameFlags.None;
        offload.SegmentSize = SegmentSize;
        offload.HeaderLength = (ushort)(ChecksumStart + transport);
        return transport >= 8 && offload.HeaderLength <= length;
    }

    /// <summary>Whether an IPv6 header follows Ethernet's, behind at most two VLAN tags.</summary>
    private static bool IsIp6(ReadOnlySpan<byte> frame)
    {
        int at = 12;
        for (int tags = 0; tags < 2 && (frame[at] << 8 | frame[at + 1]) is 0x8100 or 0x88a8; tags++)
        {
            at += 4;
        }

        return frame[at] == 0x86 && frame[at + 1] == 0xdd;
    }
}
