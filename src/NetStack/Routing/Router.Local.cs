using Makatea.Platform;

namespace Makatea.NetStack;

/// <content>Packets for the domain itself, and from it.</content>
public sealed partial class Router : IIpLayer
{
    /// <inheritdoc/>
    public long Now => _plane.Now;

    /// <inheritdoc/>
    public bool TryRoute(IpAddress destination, out int port, out IpAddress source)
    {
        // The next domain may have the addresses that this one has towards its qubes.
        if (_destinations.TryGetValue(destination.Value, out RouterPort? qube) && qube is not null)
        {
            port = qube.Index;
            source = destination.IsIPv4 ? _options.Gateway4 : _options.Gateway6;
            return true;
        }

        port = _uplink?.Index ?? IIpLayer.AnyPort;
        source = _uplink is null ? IpAddress.Any6 : OwnAddress(_uplink, destination.IsIPv4, destination);
        return _uplink is not null && !source.IsUnspecified && _addresses.TryNextHop(destination, out _);
    }

    /// <inheritdoc/>
    public int Mtu(int port, IpAddress destination) => _plane.Port(port)?.Info.Mtu ?? IPv6Header.LeastMtu;

    /// <inheritdoc/>
    public bool Send(int port, IpAddress source, IpAddress destination, byte protocol, byte hopLimit, ReadOnlySpan<byte> payload)
    {
        RouterPort? egress = port != IIpLayer.AnyPort ? Find(port) : TryRoute(destination, out int found, out _) ? Find(found) : null;
        int headers = destination.IsIPv4 ? IPv4Header.Length : IPv6Header.Length;
        if (egress is null || source.IsIPv4 != destination.IsIPv4 || headers + payload.Length > egress.Port.Info.Mtu)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[Ethernet.HeaderLength + IPv6Header.Length];
        header = header[..(Ethernet.HeaderLength + headers)];
        WriteHeaders(egress, header, source, destination, protocol, hopLimit, payload.Length);
        var writer = new FrameWriter(_frames);
        if (!writer.TryWrite(header) || !writer.TryWrite(payload))
        {
            return false;
        }

        bool isGroup = destination.IsMulticast || destination == IpAddress.Broadcast4;
        if (isGroup && egress != _uplink)
        {
            _plane.Send(egress.Index, writer.Frame);
            return true;
        }

        if (SendPacket(egress, writer.Frame, destination) != DropReason.None)
        {
            _frames.Free(writer.Frame);
            return false;
        }

        return true;
    }

    private void WriteHeaders(RouterPort egress, Span<byte> header, IpAddress source, IpAddress destination, byte protocol, byte hopLimit, int length)
    {
        bool isGroup = destination.IsMulticast || destination == IpAddress.Broadcast4;
        Ethernet.Write(header, isGroup ? GroupMac(destination) : egress.PeerMac, egress.Mac, destination.IsIPv4 ? Ethernet.IPv4 : Ethernet.IPv6);
        Span<byte> ip = header[Ethernet.HeaderLength..];
        if (destination.IsIPv4)
        {
            IPv4Header.Write(ip, source, destination, protocol, hopLimit, IPv4Header.Length + length, (ushort)++_identification, IPv4Header.DontFragment);
        }
        else
        {
            IPv6Header.Write(ip, source, destination, protocol, hopLimit, length);
        }
    }

    /// <summary>A packet for a group: none is passed on; the services get what may be theirs.</summary>
    private DropReason ToGroup(RouterPort port, int frame, in IpPacket packet)
    {
        if (IsNeighbourDiscovery(frame, packet))
        {
            DropReason reason = TakeNeighbourDiscovery(port, frame, packet);
            return reason == DropReason.NotServed ? Deliver(port, frame, packet, out _) : reason;
        }

        if (packet.Protocol != IpProtocol.Udp)
        {
            return DropReason.Group;
        }

        DropReason outcome = Deliver(port, frame, packet, out _);
        return outcome == DropReason.NotServed ? DropReason.Group : outcome;
    }

    /// <summary>A packet for one of the domain's own addresses.</summary>
    private DropReason ToDomain(RouterPort port, int frame, in IpPacket packet)
    {
        ReadOnlySpan<byte> ip = _frames.Head(frame)[Ethernet.HeaderLength..];
        if (packet.TransportOffset >= Math.Min(ip.Length, packet.Length))
        {
            return DropReason.Malformed;
        }

        bool isIcmp = packet.Protocol == (packet.IsIPv4 ? IpProtocol.Icmp4 : IpProtocol.Icmp6);
        if (isIcmp && IsEcho(ip[packet.TransportOffset], packet.IsIPv4) && packet.Length - packet.TransportOffset >= IcmpHeader)
        {
            return AnswerEcho(port, frame, packet);
        }

        if (IsNeighbourDiscovery(frame, packet))
        {
            DropReason reason = TakeNeighbourDiscovery(port, frame, packet);
            return reason == DropReason.NotServed ? Deliver(port, frame, packet, out _) : reason;
        }

        if (port != _uplink && !isIcmp && !IsDhcp(ip, packet))
        {
            FlowVerdict verdict = _tracker.ToDomain(port.Qube!.Number, FlowOf(frame, packet), _plane.Now);
            if (verdict != FlowVerdict.Forward)
            {
                if (verdict == FlowVerdict.Rejected)
                {
                    SendError(port, frame, packet, IcmpErrorKind.Prohibited);
                }

                return ReasonOf(verdict);
            }
        }

        DropReason outcome = Deliver(port, frame, packet, out LocalDelivery delivery);
        if (delivery is LocalDelivery.NoPort or LocalDelivery.NoProtocol && !isIcmp)
        {
            SendError(port, frame, packet, delivery == LocalDelivery.NoPort ? IcmpErrorKind.NoPort : IcmpErrorKind.NoProtocol);
        }

        return outcome;
    }

    private static bool IsDhcp(ReadOnlySpan<byte> ip, in IpPacket packet) =>
        packet.Protocol == IpProtocol.Udp && PacketWork.Ports(ip[packet.TransportOffset..]) is (DhcpClient, DhcpServer) or (546, 547);

    /// <summary>Hands a packet to the services.</summary>
    private DropReason Deliver(RouterPort port, int frame, in IpPacket packet, out LocalDelivery delivery)
    {
        ref FrameInfo info = ref _frames[frame];
        ReadOnlySpan<byte> bytes = _frames.Head(frame)[Ethernet.HeaderLength..];
        if (info.Parts > 1)
        {
            FrameBytes.Copy(_frames, frame, Ethernet.HeaderLength, _linear.AsSpan(0, packet.Length));
            bytes = _linear;
        }

        var from = new IpPacketInfo
        {
            Port = port.Index,
            Source = packet.Source,
            Destination = packet.Destination,
            Protocol = packet.Protocol,
            HopLimit = packet.HopLimit,
            IsChecksumGood = (info.Offload.Flags & (NetFrameFlags.ChecksumGood | NetFrameFlags.NeedsChecksum | PortOffloads.Segmentation)) != 0,
        };
        delivery = _local.Receive(from, bytes[packet.TransportOffset..packet.Length]);

        // What came may have changed when the services have something to do.
        _plane.TickSoon();
        if (delivery == LocalDelivery.Delivered)
        {
            _frames.Free(frame);
        }

        return delivery switch
        {
            LocalDelivery.Delivered => DropReason.None,
            LocalDelivery.Malformed => DropReason.Malformed,
            _ => DropReason.NotServed,
        };
    }
}
