using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <content>ICMP messages of the domain's own: errors, answers to pings, neighbour discovery.</content>
public sealed partial class Router
{
    private const int IcmpHeader = 8;
    private const byte HopLimit = 64;

    // As much of the packet as fits these ([RFC 1812] 4.3.2.3, [RFC 4443] 2.4 c).
    private const int MaxError4 = 576;

    /// <summary>Tells a packet's sender what happened to it, where that may be told and the port's limit allows. The frame stays as it is, and the caller's.</summary>
    private void SendError(RouterPort port, int frame, in IpPacket packet, IcmpErrorKind kind, int value = 0)
    {
        ReadOnlySpan<byte> head = _frames.Head(frame);
        ReadOnlySpan<byte> quoted = head[Ethernet.HeaderLength..];
        IpAddress destination = packet.Source;
        bool isError = packet.Protocol == (packet.IsIPv4 ? IpProtocol.Icmp4 : IpProtocol.Icmp6)
            && (packet.TransportOffset >= quoted.Length || !IcmpErrorKinds.IsQuestion(quoted[packet.TransportOffset], packet.IsIPv4));
        IpAddress source = OwnAddress(port, packet.IsIPv4, packet.Source);
        if (isError || destination.IsUnspecified || destination.IsMulticast || destination.IsLoopback || destination == IpAddress.Broadcast4
            || Ethernet.Destination(head).IsMulticast || source.IsUnspecified || !port.TrySendIcmp(_plane.Now))
        {
            return;
        }

        int error = _frames.Rent();
        if (error == FramePool.None)
        {
            return;
        }

        int headers = packet.IsIPv4 ? IPv4Header.Length : IPv6Header.Length;
        int most = packet.IsIPv4 ? MaxError4 : IPv6Header.LeastMtu;
        quoted = quoted[..Math.Min(Math.Min(quoted.Length, packet.Length), most - headers - IcmpHeader)];
        _frames.SetLength(error, Ethernet.HeaderLength + headers + IcmpHeader + quoted.Length);
        Span<byte> icmp = _frames.Head(error)[(Ethernet.HeaderLength + headers)..];
        (icmp[0], icmp[1]) = IcmpErrorKinds.Of(kind, packet.IsIPv4);
        icmp[2..IcmpHeader].Clear();
        if (kind == IcmpErrorKind.TooBig)
        {
            BinaryPrimitives.WriteInt32BigEndian(icmp[4..], value);
        }
        else if (kind == IcmpErrorKind.NoProtocol && !packet.IsIPv4)
        {
            // Where the unknown number is; with extension headers, about there.
            BinaryPrimitives.WriteInt32BigEndian(icmp[4..], packet.TransportOffset == IPv6Header.Length ? IPv6Header.NextHeaderOffset : packet.TransportOffset);
        }

        quoted.CopyTo(icmp[IcmpHeader..]);
        SendIcmp(port, error, source, destination, HopLimit);
    }

    /// <summary>Answers a ping, with the frame that it came in.</summary>
    private DropReason AnswerEcho(RouterPort port, int frame, in IpPacket packet)
    {
        if (!port.TrySendIcmp(_plane.Now))
        {
            return DropReason.Limited;
        }

        _frames.Shorten(frame, Ethernet.HeaderLength + packet.Length);
        Span<byte> ip = _frames.Head(frame)[Ethernet.HeaderLength..];
        Span<byte> icmp = ip[packet.TransportOffset..];
        if ((_frames[frame].Offload.Flags & NetFrameFlags.NeedsChecksum) != 0)
        {
            SoftwareOffload.TryComplete(_frames, frame);
        }

        // The sum of the addresses stays the same, whichever way round they are.
        ushort old = BinaryPrimitives.ReadUInt16BigEndian(icmp);
        icmp[0] = packet.IsIPv4 ? IcmpErrorKinds.EchoReply4 : IcmpErrorKinds.EchoReply6;
        Checksum.Update(icmp[2..], old, BinaryPrimitives.ReadUInt16BigEndian(icmp));
        _frames[frame].Offload = default;
        if (packet.IsIPv4)
        {
            packet.Destination.Write(ip[IPv4Header.SourceOffset..]);
            packet.Source.Write(ip[IPv4Header.DestinationOffset..]);
            ip[IPv4Header.TtlOffset] = HopLimit;
            BinaryPrimitives.WriteUInt16BigEndian(ip[IPv4Header.FragmentOffset..], 0);
            IPv4Header.WriteChecksum(ip[..packet.TransportOffset]);
        }
        else
        {
            packet.Destination.Write(ip[IPv6Header.SourceOffset..]);
            packet.Source.Write(ip[IPv6Header.DestinationOffset..]);
            ip[IPv6Header.HopLimitOffset] = HopLimit;
        }

        return packet.Length > port.Port.Info.Mtu ? CutEcho(port, frame, packet) : SendPacket(port, frame, packet.Source);
    }

    /// <summary>A ping that came in fragments is answered in fragments.</summary>
    private DropReason CutEcho(RouterPort port, int frame, in IpPacket packet) => packet.IsIPv4
        ? SendCut(port, frame, packet, WholeDatagram.None, packet.Source, port.Port.Info.Mtu)
        : SendCut(port, frame, packet, new(FramePool.None, 0, IPv6Header.Length, IPv6Header.NextHeaderOffset), packet.Source, port.Port.Info.Mtu);

    private static bool IsEcho(byte type, bool isIPv4) => type == (isIPv4 ? IcmpErrorKinds.Echo4 : IcmpErrorKinds.Echo6);

    /// <summary>Writes the IP header of an ICMP message that fills a frame, with all checksums, and sends it.</summary>
    private void SendIcmp(RouterPort port, int frame, IpAddress source, IpAddress destination, byte hopLimit)
    {
        Span<byte> ip = _frames.Head(frame)[Ethernet.HeaderLength..];
        if (source.IsIPv4)
        {
            Span<byte> icmp = ip[IPv4Header.Length..];
            Checksum.Write(icmp[2..], Checksum.Add(icmp));
            IPv4Header.Write(ip, source, destination, IpProtocol.Icmp4, hopLimit, ip.Length, (ushort)++_identification, 0);
        }
        else
        {
            Span<byte> icmp = ip[IPv6Header.Length..];
            Checksum.Write(icmp[2..], Checksum.Add(icmp, Checksum.PseudoHeader(source, destination, IpProtocol.Icmp6, icmp.Length)));
            IPv6Header.Write(ip, source, destination, IpProtocol.Icmp6, hopLimit, icmp.Length);
        }

        if (SendPacket(port, frame, destination) != DropReason.None)
        {
            _frames.Free(frame);
        }
    }

    /// <summary>The domain's address towards somebody at a port.</summary>
    private IpAddress OwnAddress(RouterPort port, bool isIPv4, IpAddress peer) =>
        port != _uplink ? (isIPv4 ? _options.Gateway4 : _options.Gateway6)
        : isIPv4 ? _addresses.IPv4 ?? IpAddress.Any4
        : peer.IsLinkLocal ? _uplinkLinkLocal
        : _addresses.IPv6 ?? _uplinkLinkLocal;
}
