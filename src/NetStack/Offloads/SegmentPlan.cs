using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// How a frame whose segmentation was left to a port is to be cut: everything read from its own headers and checked; of what the sender says besides, only the kind and the segment size are heeded.
/// </summary>
internal struct SegmentPlan
{
    // As small a segment as a TCP with all its options may be left with ([RFC 9293] 3.7.1 with 40 bytes of options from 88); smaller ones only cost who cuts them.
    private const int LeastSegment = 32;
    private const int TcpLength = 20;
    private const int UdpLength = 8;

    /// <summary>Where the IP header is.</summary>
    public int Ip;

    /// <summary>Where the TCP or UDP header is.</summary>
    public int Transport;

    /// <summary>Length of all headers.</summary>
    public int Headers;

    /// <summary>Bytes to be cut.</summary>
    public int Payload;

    /// <summary>Most bytes of each segment.</summary>
    public int SegmentSize;

    /// <summary>TCP, else UDP.</summary>
    public bool IsTcp;

    /// <summary>IPv4, else IPv6.</summary>
    public bool IsIPv4;

    /// <summary>Number of segments.</summary>
    public readonly int Count => Math.Max(1, (Payload + SegmentSize - 1) / SegmentSize);

    /// <summary>Reads a frame.</summary>
    /// <param name="head">Its first part.</param>
    /// <param name="info">What is known of it.</param>
    /// <param name="plan">How it is cut.</param>
    /// <returns>False where its headers are not of the kind that it says.</returns>
    public static bool TryRead(ReadOnlySpan<byte> head, in FrameInfo info, out SegmentPlan plan)
    {
        plan = default;
        NetFrameFlags kind = info.Offload.Flags & PortOffloads.Segmentation;
        bool isTcp = kind is NetFrameFlags.SegmentTcp4 or NetFrameFlags.SegmentTcp6;
        bool isIPv4 = kind is NetFrameFlags.SegmentTcp4 or NetFrameFlags.SegmentUdp4;
        int ip = Ethernet.TaggedLength(head);
        if (ip == 0 || (!isTcp && !isIPv4 && kind != NetFrameFlags.SegmentUdp6)
            || BinaryPrimitives.ReadUInt16BigEndian(head[(ip - 2)..]) != (isIPv4 ? Ethernet.IPv4 : Ethernet.IPv6))
        {
            return false;
        }

        DropReason reason = IpPacket.Read(isIPv4, head[ip..], info.Length - ip, isSegmented: true, out IpPacket packet);
        if (reason != DropReason.None || packet.IsFragment || packet.Protocol != (isTcp ? IpProtocol.Tcp : IpProtocol.Udp))
        {
            return false;
        }

        int transport = ip + packet.TransportOffset;
        int least = transport + (isTcp ? TcpLength : UdpLength);
        if (least > head.Length)
        {
            return false;
        }

        int headers = isTcp ? transport + ((head[transport + 12] >> 4) * 4) : least;
        if (headers < least || headers > head.Length || info.Offload.SegmentSize < LeastSegment)
        {
            return false;
        }

        plan.Ip = ip;
        plan.Transport = transport;
        plan.Headers = headers;
        plan.Payload = info.Length - headers;
        plan.SegmentSize = info.Offload.SegmentSize;
        plan.IsTcp = isTcp;
        plan.IsIPv4 = isIPv4;
        return headers - ip + Math.Min(plan.SegmentSize, plan.Payload) <= ushort.MaxValue;
    }

    /// <summary>Says to a port where the headers are.</summary>
    public readonly void Describe(ref NetFrameOffload offload)
    {
        offload.Flags |= NetFrameFlags.NeedsChecksum;
        offload.HeaderLength = (ushort)Headers;
        offload.ChecksumStart = (ushort)Transport;
        offload.ChecksumOffset = (ushort)IpProtocol.ChecksumOffset(IsTcp ? IpProtocol.Tcp : IpProtocol.Udp);
    }
}
