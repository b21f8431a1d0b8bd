using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// Holds the work that a sender left to a port against the packet's own headers: a checksum that is put anywhere else would overwrite what was checked, such as the source address.
/// </summary>
internal static class PacketWork
{
    /// <summary>Looks at the work that is asked for.</summary>
    /// <param name="head">First part of the frame.</param>
    /// <param name="info">What is known of the frame.</param>
    /// <param name="packet">What its headers say.</param>
    /// <param name="size">Largest packet that will be on the wire, from the IP header on.</param>
    public static DropReason Check(ReadOnlySpan<byte> head, in FrameInfo info, in IpPacket packet, out int size)
    {
        size = packet.Length;
        NetFrameFlags flags = info.Offload.Flags;
        if ((flags & NetFrameFlags.ChecksumBad) != 0)
        {
            return DropReason.BadChecksum;
        }

        if ((flags & PortOffloads.Segmentation) != 0)
        {
            if (!SegmentPlan.TryRead(head, info, out SegmentPlan plan) || plan.Transport != Ethernet.HeaderLength + packet.TransportOffset)
            {
                return DropReason.BadOffload;
            }

            size = plan.Headers - Ethernet.HeaderLength + Math.Min(plan.SegmentSize, plan.Payload);
            return DropReason.None;
        }

        return (flags & NetFrameFlags.NeedsChecksum) == 0
            || (!packet.IsFragment && info.Offload.ChecksumStart == Ethernet.HeaderLength + packet.TransportOffset
                && info.Offload.ChecksumOffset == IpProtocol.ChecksumOffset(packet.Protocol)
                && info.Offload.ChecksumStart + info.Offload.ChecksumOffset + sizeof(ushort) <= Math.Min(head.Length, Ethernet.HeaderLength + packet.Length))
            ? DropReason.None : DropReason.BadOffload;
    }

    /// <summary>Source and destination port; of what is too short for them, none.</summary>
    public static (ushort Source, ushort Destination) Ports(ReadOnlySpan<byte> transport) =>
        transport.Length < 4 ? default : (BinaryPrimitives.ReadUInt16BigEndian(transport), BinaryPrimitives.ReadUInt16BigEndian(transport[2..]));
}
