using Makatea.Platform;

namespace Makatea.NetStack;

/// <content>Frames from qubes: first of all, whether they say truly who they are from.</content>
public sealed partial class Router
{
    private const ushort DhcpServer = 67;
    private const ushort DhcpClient = 68;

    private DropReason FromQube(RouterPort port, int frame)
    {
        ref FrameInfo info = ref _frames[frame];
        Span<byte> head = _frames.Head(frame);
        if (Ethernet.Source(head) != port.PeerMac)
        {
            return DropReason.SpoofedMac;
        }

        if ((info.Offload.Flags & NetFrameFlags.HasVlanTag) != 0)
        {
            return DropReason.UnknownType;
        }

        ReadOnlySpan<byte> bytes = head[Ethernet.HeaderLength..];
        if (Ethernet.Type(head) == Ethernet.Arp)
        {
            return AnswerArp(port, frame, bytes);
        }

        DropReason reason = ReadPacket(head, info, out IpPacket packet);
        reason = reason != DropReason.None ? reason
            : packet.IsIPv4 ? CheckSource4(port, packet, bytes)
            : CheckSource6(port, packet, bytes);
        if (reason != DropReason.None)
        {
            return reason;
        }

        MacAddress destination = Ethernet.Destination(head);
        if (destination != port.Mac && !destination.IsMulticast)
        {
            return DropReason.NotForUs;
        }

        reason = PacketWork.Check(head, info, packet, out int size);
        if (reason != DropReason.None)
        {
            return reason;
        }

        return port.TrySend(PacketsOf(frame), info.Length, _plane.Now) ? RouteFromQube(port, frame, packet, size, WholeDatagram.None) : DropReason.Limited;
    }

    private static DropReason CheckSource4(RouterPort port, in IpPacket packet, ReadOnlySpan<byte> bytes)
    {
        if (packet.Source == port.Peer4 && port.Peer4 != IpAddress.Any4)
        {
            return DropReason.None;
        }

        // Who asks for an address has none yet ([RFC 2131] 4.1).
        bool isDhcp = packet.Source == IpAddress.Any4 && packet.Destination == IpAddress.Broadcast4 && !packet.IsFragment
            && packet.Protocol == IpProtocol.Udp && PacketWork.Ports(bytes[packet.TransportOffset..]) == (DhcpClient, DhcpServer);
        return isDhcp ? DropReason.None : DropReason.SpoofedIPv4;
    }

    private static DropReason CheckSource6(RouterPort port, in IpPacket packet, ReadOnlySpan<byte> bytes)
    {
        if ((packet.Source == port.Peer6 && !port.Peer6.IsUnspecified) || packet.Source == port.PeerLinkLocal)
        {
            return DropReason.None;
        }

        // Who makes sure that an address is nobody's does not use it yet ([RFC 4862] 5.4.2); the same goes for reports of groups then ([RFC 3590]).
        bool isUnspecified = packet.Source.IsUnspecified && packet.Destination.IsMulticast && packet.Protocol == IpProtocol.Icmp6 && !packet.IsFragment
            && packet.TransportOffset < Math.Min(bytes.Length, packet.Length)
            && bytes[packet.TransportOffset] is NeighbourMessage.Solicitation or NeighbourMessage.RouterSolicitation or 143 or 131;
        return isUnspecified ? DropReason.None : DropReason.SpoofedIPv6;
    }

    private DropReason AnswerArp(RouterPort port, int frame, ReadOnlySpan<byte> bytes)
    {
        if (!ArpMessage.TryRead(bytes, out ArpMessage message))
        {
            return DropReason.Malformed;
        }

        // With no sender it asks whether anybody has an address ([RFC 5227] 2.1.1).
        if (message.SenderMac != port.PeerMac || (message.Sender != port.Peer4 && message.Sender != IpAddress.Any4))
        {
            return DropReason.SpoofedArp;
        }

        if (!port.TrySend(1, _frames[frame].Length, _plane.Now))
        {
            return DropReason.Limited;
        }

        // Whatever it asks for is behind the domain, but its own address, which is its own.
        if (!message.IsRequest || message.Target == port.Peer4 || message.Target.IsUnspecified || message.Target.IsMulticast || message.Target == IpAddress.Broadcast4)
        {
            _frames.Free(frame);
            return DropReason.None;
        }

        SendArp(port, frame, port.PeerMac, new(IsRequest: false, port.Mac, message.Target, port.PeerMac, message.Sender));
        return DropReason.None;
    }

    private DropReason RouteFromQube(RouterPort port, int frame, in IpPacket packet, int size, in WholeDatagram whole)
    {
        if (packet.IsFragment)
        {
            return TakeFragment(port, frame, packet);
        }

        // Groups first: no packet for one goes further, whatever it is.
        if (packet.Destination.IsMulticast || packet.Destination == IpAddress.Broadcast4)
        {
            return ToGroup(port, frame, packet);
        }

        if (Ethernet.Destination(_frames.Head(frame)).IsMulticast)
        {
            return DropReason.Group;
        }

        if (_destinations.TryGetValue(packet.Destination.Value, out RouterPort? qube))
        {
            return qube is null ? ToDomain(port, frame, packet) : ForwardFromQube(port, frame, packet, size, whole, qube);
        }

        return IsRoutable(packet.Destination) && !packet.Source.IsLinkLocal ? ForwardFromQube(port, frame, packet, size, whole, null) : DropReason.BadAddress;
    }

    private DropReason ForwardFromQube(RouterPort port, int frame, in IpPacket packet, int size, in WholeDatagram whole, RouterPort? to)
    {
        if (packet.HopLimit <= 1)
        {
            SendError(port, frame, packet, IcmpErrorKind.HopLimit);
            return DropReason.HopLimit;
        }

        // A link-local address goes no further, and a packet for its sender went the wrong way.
        if (packet.Source.IsLinkLocal || to == port)
        {
            return DropReason.BadAddress;
        }

        FlowPacket flow = FlowOf(frame, packet);
        int number = port.Qube!.Number;
        FlowDecision decision = to is null ? _tracker.Outbound(number, flow, _plane.Now) : _tracker.Between(number, to.Qube!.Number, flow, _plane.Now);
        if (decision.Verdict == FlowVerdict.Forward)
        {
            return Pass(port, frame, packet, flow, size, whole, decision);
        }

        if (decision.Verdict == FlowVerdict.Rejected)
        {
            SendError(port, frame, packet, IcmpErrorKind.Prohibited);
        }
        else if (decision.Verdict is FlowVerdict.NoAddress or FlowVerdict.NoQube)
        {
            SendError(port, frame, packet, IcmpErrorKind.NoRoute);
        }

        return ReasonOf(decision.Verdict);
    }

    /// <summary>An address that a packet may be sent on to.</summary>
    private static bool IsRoutable(IpAddress address) =>
        !(address.IsUnspecified || address.IsLoopback || address.IsLinkLocal || address.IsMulticast || (address.IsIPv4 && address.IPv4 >> 28 == 0xf) || (address.IsIPv4 && address.IPv4 >> 24 == 0));
}
