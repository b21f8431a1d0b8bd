using Makatea.Platform;

namespace Makatea.NetStack;

/// <content>Neighbour discovery: answered for qubes as ARP is, asked and answered at the uplink ([RFC 4861] 7).</content>
public sealed partial class Router
{
    private static readonly IpAddress _allNodes = new(((UInt128)0xff02_0000_0000_0000 << 64) | 1);

    private bool IsNeighbourDiscovery(int frame, in IpPacket packet)
    {
        ReadOnlySpan<byte> bytes = _frames.Head(frame)[Ethernet.HeaderLength..];
        return !packet.IsIPv4 && packet.Protocol == IpProtocol.Icmp6 && packet.TransportOffset < bytes.Length
            && bytes[packet.TransportOffset] is >= NeighbourMessage.RouterSolicitation and <= NeighbourMessage.Redirect;
    }

    /// <summary>Takes a message of neighbour discovery.</summary>
    /// <param name="port">Where it came in.</param>
    /// <param name="frame">Its frame.</param>
    /// <param name="packet">What its headers say.</param>
    /// <returns>As all; <see cref="DropReason.NotServed"/> for what is the services' business.</returns>
    private DropReason TakeNeighbourDiscovery(RouterPort port, int frame, in IpPacket packet)
    {
        ReadOnlySpan<byte> ip = _frames.Head(frame)[Ethernet.HeaderLength..];
        ReadOnlySpan<byte> message = ip[packet.TransportOffset..Math.Min(ip.Length, packet.Length)];
        bool isPartial = (_frames[frame].Offload.Flags & NetFrameFlags.NeedsChecksum) != 0;
        if (packet.HopLimit != NeighbourMessage.HopLimit || packet.Length > ip.Length || message.Length < IcmpHeader)
        {
            return DropReason.Malformed;
        }

        if (!isPartial && !Checksum.IsRight(message, Checksum.PseudoHeader(packet.Source, packet.Destination, IpProtocol.Icmp6, message.Length)))
        {
            return DropReason.BadChecksum;
        }

        switch (message[0])
        {
            case NeighbourMessage.RouterSolicitation when port != _uplink:
                bool isRight = NeighbourMessage.TryReadOption(message[IcmpHeader..], kind: 1, out MacAddress? sender) && (sender is null || sender == port.PeerMac);
                return isRight ? DropReason.NotServed : DropReason.SpoofedNeighbour;
            case NeighbourMessage.RouterAdvertisement when port == _uplink:
                return packet.Source.IsLinkLocal ? DropReason.NotServed : DropReason.Malformed;
            case NeighbourMessage.Solicitation or NeighbourMessage.Advertisement:
                return !NeighbourMessage.TryRead(message, out NeighbourMessage neighbour) ? DropReason.Malformed
                    : message[0] == NeighbourMessage.Solicitation ? TakeSolicitation(port, frame, packet, neighbour)
                    : TakeAdvertisement(port, frame, neighbour);
            default:
                // Routers' news from who is none, routers asked for at the uplink, and redirects, which nobody is to make.
                return port == _uplink ? DropReason.NotServed : DropReason.SpoofedNeighbour;
        }
    }

    private DropReason TakeSolicitation(RouterPort port, int frame, in IpPacket packet, in NeighbourMessage message)
    {
        IpAddress target = message.Target;
        bool isProbe = packet.Source.IsUnspecified;
        if (port != _uplink)
        {
            if ((message.LinkLayer is { } sender && sender != port.PeerMac) || (isProbe && message.LinkLayer is not null))
            {
                return DropReason.SpoofedNeighbour;
            }

            // Whoever it asks for is behind the domain, but itself. That the domain is there, nobody can probe away.
            bool isOwn = target == port.Peer6 || target == port.PeerLinkLocal;
            if (isOwn || (isProbe && target != _options.Gateway6 && !_destinations.ContainsKey(target.Value)))
            {
                _frames.Free(frame);
                return DropReason.None;
            }
        }
        else
        {
            if (target != _addresses.IPv6 && target != _uplinkLinkLocal)
            {
                return DropReason.NotForUs;
            }

            if (!isProbe && message.LinkLayer is { } sender)
            {
                _neighbours.Heard(packet.Source, sender, isAnswer: false, _plane.Now);
            }
        }

        if (!port.TrySendIcmp(_plane.Now))
        {
            return DropReason.Limited;
        }

        IpAddress to = isProbe ? _allNodes : packet.Source;
        MacAddress mac = isProbe ? GroupMac(_allNodes) : Ethernet.Source(_frames.Head(frame));
        Span<byte> body = BeginNeighbour(frame, mac, port.Mac);
        NeighbourMessage.WriteAdvertisement(body, target, port.Mac, isSolicited: !isProbe);
        EndNeighbour(port, frame, target, to);
        return DropReason.None;
    }

    private DropReason TakeAdvertisement(RouterPort port, int frame, in NeighbourMessage message)
    {
        if (port != _uplink)
        {
            // What a qube has is known; that it says so is fine.
            bool isTrue = (message.Target == port.Peer6 || message.Target == port.PeerLinkLocal) && (message.LinkLayer is null || message.LinkLayer == port.PeerMac);
            if (!isTrue)
            {
                return DropReason.SpoofedNeighbour;
            }
        }
        else if (message.LinkLayer is { } mac && message.Target != _addresses.IPv6)
        {
            _neighbours.Heard(message.Target, mac, isAnswer: message.IsSolicited, _plane.Now);
        }

        _frames.Free(frame);
        return DropReason.None;
    }

    /// <summary>Asks at the uplink who has an address.</summary>
    private void Solicit(RouterPort uplink, IpAddress address, MacAddress? known)
    {
        _plane.TickSoon();
        int frame = _frames.Rent();
        if (frame == FramePool.None)
        {
            return;
        }

        if (address.IsIPv4)
        {
            _frames.Reset(frame, Ethernet.HeaderLength + ArpMessage.Length);
            SendArp(uplink, frame, known ?? MacAddress.Broadcast, new(IsRequest: true, uplink.Mac, _addresses.IPv4 ?? IpAddress.Any4, default, address));
            return;
        }

        IpAddress group = NeighbourMessage.SolicitedNode(address);
        Span<byte> body = BeginNeighbour(frame, known ?? GroupMac(group), uplink.Mac);
        NeighbourMessage.WriteSolicitation(body, address, uplink.Mac);
        EndNeighbour(uplink, frame, OwnAddress(uplink, isIPv4: false, address), known is null ? group : address);
    }

    private Span<byte> BeginNeighbour(int frame, MacAddress to, MacAddress from)
    {
        _frames.Reset(frame, Ethernet.HeaderLength + IPv6Header.Length + NeighbourMessage.Length);
        Span<byte> head = _frames.Head(frame);
        Ethernet.Write(head, to, from, Ethernet.IPv6);
        return head[(Ethernet.HeaderLength + IPv6Header.Length)..];
    }

    private void EndNeighbour(RouterPort port, int frame, IpAddress source, IpAddress destination)
    {
        Span<byte> ip = _frames.Head(frame)[Ethernet.HeaderLength..];
        Span<byte> body = ip[IPv6Header.Length..];
        Checksum.Write(body[2..], Checksum.Add(body, Checksum.PseudoHeader(source, destination, IpProtocol.Icmp6, body.Length)));
        IPv6Header.Write(ip, source, destination, IpProtocol.Icmp6, NeighbourMessage.HopLimit, body.Length);
        _plane.Send(port.Index, frame);
    }
}
