using Makatea.Platform;

namespace Makatea.NetStack;

/// <content>Frames from the uplink, and to it.</content>
public sealed partial class Router
{
    private DropReason FromUplink(RouterPort port, int frame)
    {
        ref FrameInfo info = ref _frames[frame];
        Span<byte> head = _frames.Head(frame);
        MacAddress destination = Ethernet.Destination(head);
        if (destination != port.Mac && !destination.IsMulticast)
        {
            return DropReason.NotForUs;
        }

        if ((info.Offload.Flags & NetFrameFlags.HasVlanTag) != 0)
        {
            return DropReason.UnknownType;
        }

        if (Ethernet.Type(head) == Ethernet.Arp)
        {
            return TakeArp(port, frame, head[Ethernet.HeaderLength..]);
        }

        DropReason reason = ReadPacket(head, info, out IpPacket packet);
        reason = reason != DropReason.None ? reason : CheckOutside(packet);
        if (reason != DropReason.None)
        {
            return reason;
        }

        reason = PacketWork.Check(head, info, packet, out int size);
        return reason != DropReason.None ? reason : RouteFromUplink(port, frame, packet, size, WholeDatagram.None);
    }

    private DropReason RouteFromUplink(RouterPort port, int frame, in IpPacket packet, int size, in WholeDatagram whole)
    {
        bool isOurs = packet.Destination == (packet.IsIPv4 ? _addresses.IPv4 : _addresses.IPv6);
        bool isLinkLocal = packet.Destination == _uplinkLinkLocal;
        bool isGroup = packet.Destination.IsMulticast || packet.Destination == IpAddress.Broadcast4;

        // Before there is an address, what is for the one to come ([RFC 2131] 4.1).
        bool isForNewcomer = packet.IsIPv4 && _addresses.IPv4 is null && packet.Protocol == IpProtocol.Udp && !packet.IsFragment
            && PacketWork.Ports(_frames.Head(frame)[(Ethernet.HeaderLength + packet.TransportOffset)..]) == (DhcpServer, DhcpClient);
        if (!isOurs && !isLinkLocal && !isGroup && !isForNewcomer)
        {
            return DropReason.NotForUs;
        }

        if (packet.IsFragment)
        {
            return TakeFragment(port, frame, packet);
        }

        if (isGroup)
        {
            return ToGroup(port, frame, packet);
        }

        if (Ethernet.Destination(_frames.Head(frame)).IsMulticast)
        {
            return DropReason.Group;
        }

        if (!isOurs || IsNeighbourDiscovery(frame, packet))
        {
            return ToDomain(port, frame, packet);
        }

        FlowPacket flow = FlowOf(frame, packet);
        FlowDecision decision = _tracker.Inbound(flow, _plane.Now);
        if (decision.Verdict == FlowVerdict.Local)
        {
            return ToDomain(port, frame, packet);
        }

        if (decision.Verdict != FlowVerdict.Forward)
        {
            return ReasonOf(decision.Verdict);
        }

        if (packet.HopLimit <= 1)
        {
            SendError(port, frame, packet, IcmpErrorKind.HopLimit);
            return DropReason.HopLimit;
        }

        return Pass(port, frame, packet, flow, size, whole, decision);
    }

    /// <summary>Nobody outside has a qube's address, ours, or nobody's. What qubes see the domain as, the next domain may be seen as too.</summary>
    private DropReason CheckOutside(in IpPacket packet)
    {
        IpAddress source = packet.Source;
        if (_destinations.TryGetValue(source.Value, out RouterPort? qube) && qube is not null)
        {
            return packet.IsIPv4 ? DropReason.SpoofedIPv4 : DropReason.SpoofedIPv6;
        }

        bool isOwn = source == (packet.IsIPv4 ? _addresses.IPv4 : _addresses.IPv6) || source == _uplinkLinkLocal;
        return isOwn || source.IsMulticast || source.IsLoopback || source == IpAddress.Broadcast4 || (packet.IsIPv4 && source.IPv4 >> 28 == 0xf) ? DropReason.BadAddress : DropReason.None;
    }

    private DropReason TakeArp(RouterPort port, int frame, ReadOnlySpan<byte> bytes)
    {
        if (!ArpMessage.TryRead(bytes, out ArpMessage message) || message.SenderMac.IsMulticast || message.Sender.IsMulticast)
        {
            return DropReason.Malformed;
        }

        if (_addresses.IPv4 is not { } own || message.Sender == own)
        {
            // Somebody else has the address, or says so; who gave it to us is to know.
            return message.SenderMac == port.Mac ? DropReason.BadAddress : DropReason.SpoofedArp;
        }

        bool isForUs = message.Target == own;
        if (!message.Sender.IsUnspecified)
        {
            _neighbours.Heard(message.Sender, message.SenderMac, isAnswer: isForUs && !message.IsRequest, _plane.Now);
        }

        if (isForUs && message.IsRequest && port.TrySendIcmp(_plane.Now))
        {
            SendArp(port, frame, message.SenderMac, new(IsRequest: false, port.Mac, own, message.SenderMac, message.Sender));
        }
        else
        {
            _frames.Free(frame);
        }

        return DropReason.None;
    }

    /// <summary>Sends a frame with a packet for somebody at the uplink or behind it. The frame has an Ethernet header, whose addresses are put in.</summary>
    private DropReason SendUplink(RouterPort uplink, int frame, IpAddress destination)
    {
        if (destination.IsMulticast || destination == IpAddress.Broadcast4)
        {
            Ethernet.Write(_frames.Head(frame), GroupMac(destination), uplink.Mac, destination.IsIPv4 ? Ethernet.IPv4 : Ethernet.IPv6);
            _plane.Send(uplink.Index, frame);
            return DropReason.None;
        }

        return !_addresses.TryNextHop(destination, out IpAddress nextHop) ? DropReason.NoRoute
            : _neighbours.TrySend(nextHop, frame, _plane.Now) ? DropReason.None
            : DropReason.NoNeighbour;
    }

    private static MacAddress GroupMac(IpAddress group) =>
        group == IpAddress.Broadcast4 ? MacAddress.Broadcast
        : group.IsIPv4 ? new(0x0100_5e00_0000ul | (group.IPv4 & 0x7f_ffff))
        : new(0x3333_0000_0000ul | (uint)group.Value);

    /// <summary>Rewrites a frame to an ARP message and sends it.</summary>
    private void SendArp(RouterPort port, int frame, MacAddress to, in ArpMessage message)
    {
        const int Length = Ethernet.HeaderLength + ArpMessage.Length;
        _frames.Reset(frame, Length);
        Span<byte> head = _frames.Head(frame);
        Ethernet.Write(head, to, port.Mac, Ethernet.Arp);
        message.Write(head[Ethernet.HeaderLength..]);
        _plane.Send(port.Index, frame);
    }

    /// <summary>What the neighbour cache does at the uplink.</summary>
    private sealed class UplinkNeighbours(Router router) : INeighbourLink
    {
        public void Solicit(IpAddress address, MacAddress? known)
        {
            if (router._uplink is { } uplink)
            {
                router.Solicit(uplink, address, known);
            }
        }

        public void SendTo(int frame, MacAddress address)
        {
            if (router._uplink is { } uplink)
            {
                Span<byte> head = router._frames.Head(frame);
                Ethernet.Write(head, address, uplink.Mac, head[Ethernet.HeaderLength] >> 4 == 4 ? Ethernet.IPv4 : Ethernet.IPv6);
                router._plane.Send(uplink.Index, frame);
            }
            else
            {
                router._frames.Free(frame);
            }
        }

        public void GiveUp(int frame)
        {
            router._uplink?.Count(DropReason.NoNeighbour);
            router._frames.Free(frame);
        }
    }
}
