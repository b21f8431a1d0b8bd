using Makatea.Platform;

namespace Makatea.NetStack;

/// <content>Packets that go on.</content>
public sealed partial class Router
{
    private static DropReason ReasonOf(FlowVerdict verdict) => verdict switch
    {
        FlowVerdict.Rejected => DropReason.Rejected,
        FlowVerdict.Malformed => DropReason.Malformed,
        FlowVerdict.Invalid => DropReason.BadFlow,
        FlowVerdict.QubeFull or FlowVerdict.TableFull or FlowVerdict.NoPort => DropReason.TooManyFlows,
        FlowVerdict.NoAddress or FlowVerdict.NoQube => DropReason.NoRoute,
        _ => DropReason.NotServed,
    };

    private FlowPacket FlowOf(int frame, in IpPacket packet)
    {
        Span<byte> bytes = _frames.Head(frame)[Ethernet.HeaderLength..];
        return new()
        {
            Bytes = bytes[..Math.Min(bytes.Length, packet.Length)],
            Length = packet.Length,
            Protocol = packet.Protocol,
            TransportOffset = packet.TransportOffset,
            IsPartialChecksum = (_frames[frame].Offload.Flags & (NetFrameFlags.NeedsChecksum | PortOffloads.Segmentation)) != 0,
        };
    }

    /// <summary>How many packets a frame is on a wire.</summary>
    private int PacketsOf(int frame)
    {
        ref FrameInfo info = ref _frames[frame];
        return (info.Offload.Flags & PortOffloads.Segmentation) == 0 ? 1 : ((info.Length - 1) / info.Offload.SegmentSize) + 1;
    }

    /// <summary>Sends a packet on that may pass.</summary>
    private DropReason Pass(RouterPort ingress, int frame, in IpPacket packet, in FlowPacket flow, int size, in WholeDatagram whole, in FlowDecision decision)
    {
        RouterPort? egress = decision.Qube == FlowDecision.Uplink ? _uplink : QubeOf(decision.Qube);
        if (egress is null)
        {
            SendError(ingress, frame, packet, IcmpErrorKind.NoRoute);
            return DropReason.NoRoute;
        }

        int mtu = egress.Port.Info.Mtu;
        bool isCut = size > mtu || (whole.LargestFragment != 0 && !packet.IsIPv4 && size > whole.LargestFragment);
        if (isCut && !MayCut(packet, size != packet.Length, whole, mtu))
        {
            SendError(ingress, frame, packet, IcmpErrorKind.TooBig, mtu);
            return DropReason.TooBig;
        }

        if (!egress.TryReceive(PacketsOf(frame), _frames[frame].Length, _plane.Now))
        {
            return DropReason.Limited;
        }

        _tracker.Translate(decision, flow);
        Span<byte> ip = flow.Bytes;
        IpAddress destination;
        if (packet.IsIPv4)
        {
            destination = IpAddress.ReadIPv4(ip[IPv4Header.DestinationOffset..]);
            ushort old = (ushort)((ip[IPv4Header.TtlOffset] << 8) | ip[IPv4Header.ProtocolOffset]);
            ip[IPv4Header.TtlOffset]--;
            Checksum.Update(ip[IPv4Header.ChecksumOffset..], old, (ushort)(old - 0x100));
        }
        else
        {
            destination = IpAddress.ReadIPv6(ip[IPv6Header.DestinationOffset..]);
            ip[IPv6Header.HopLimitOffset]--;
        }

        // What is behind the packet in the frame is padding, which may be anything.
        if (_frames[frame].Length > Ethernet.HeaderLength + packet.Length)
        {
            _frames.Shorten(frame, Ethernet.HeaderLength + packet.Length);
        }

        return isCut ? SendCut(egress, frame, packet, whole, destination, mtu) : SendPacket(egress, frame, destination);
    }

    /// <summary>Sends a frame with a packet to a qube or over the uplink.</summary>
    /// <returns><see cref="DropReason.None"/>; else the frame is still the caller's.</returns>
    private DropReason SendPacket(RouterPort egress, int frame, IpAddress destination)
    {
        if (egress == _uplink)
        {
            return SendUplink(egress, frame, destination);
        }

        Ethernet.Write(_frames.Head(frame), egress.PeerMac, egress.Mac, destination.IsIPv4 ? Ethernet.IPv4 : Ethernet.IPv6);
        _plane.Send(egress.Index, frame);
        return DropReason.None;
    }

    /// <summary>IPv4 may be cut on its way unless it says otherwise ([RFC 791] 3.2); what came in fragments is cut again into none larger.</summary>
    private static bool MayCut(in IpPacket packet, bool isSegmented, in WholeDatagram whole, int mtu) =>
        !isSegmented && (whole.LargestFragment != 0 ? whole.LargestFragment <= mtu || (packet.IsIPv4 && !packet.DontFragment) : packet.IsIPv4 && !packet.DontFragment);

    private DropReason SendCut(RouterPort egress, int frame, in IpPacket packet, in WholeDatagram whole, IpAddress destination, int mtu)
    {
        if ((_frames[frame].Offload.Flags & NetFrameFlags.NeedsChecksum) != 0 && !SoftwareOffload.TryComplete(_frames, frame))
        {
            return DropReason.BadOffload;
        }

        int size = whole.LargestFragment != 0 ? Math.Min(mtu, whole.LargestFragment) : mtu;
        var fragmenter = new Fragmenter(_frames, frame, packet, size, whole, ++_identification);
        for (int fragment = fragmenter.Next(); fragment != FramePool.None; fragment = fragmenter.Next())
        {
            if (SendPacket(egress, fragment, destination) != DropReason.None)
            {
                // The rest is of no use without it.
                _frames.Free(fragment);
                return DropReason.NoNeighbour;
            }
        }

        if (!fragmenter.IsDone)
        {
            return DropReason.NoBuffer;
        }

        _frames.Free(frame);
        return DropReason.None;
    }

    /// <summary>Reads the IP headers of a frame.</summary>
    private static DropReason ReadPacket(ReadOnlySpan<byte> head, in FrameInfo info, out IpPacket packet)
    {
        ushort type = Ethernet.Type(head);
        if (type is not (Ethernet.IPv4 or Ethernet.IPv6))
        {
            packet = default;
            return DropReason.UnknownType;
        }

        bool isSegmented = (info.Offload.Flags & PortOffloads.Segmentation) != 0;
        return IpPacket.Read(type == Ethernet.IPv4, head[Ethernet.HeaderLength..], info.Length - Ethernet.HeaderLength, isSegmented, out packet);
    }

    private DropReason TakeFragment(RouterPort port, int frame, in IpPacket packet)
    {
        DropReason reason = port.Fragments.Add(frame, packet, _plane.Now, out int lost, out WholeDatagram whole);
        port.Count(DropReason.LostFragment, lost);
        if (whole.Frame == FramePool.None)
        {
            _plane.TickSoon();
            return reason;
        }

        // Its headers are read anew: only now are all of them there.
        ref FrameInfo info = ref _frames[whole.Frame];
        ReadOnlySpan<byte> head = _frames.Head(whole.Frame);
        int available = info.Length - Ethernet.HeaderLength;
        DropReason wrong = IpPacket.Read(packet.IsIPv4, head[Ethernet.HeaderLength..], available, isSegmented: false, out IpPacket joined);
        wrong = wrong != DropReason.None ? wrong
            : joined.IsFragment ? DropReason.BadFragment
            : port == _uplink ? RouteFromUplink(port, whole.Frame, joined, joined.Length, whole)
            : RouteFromQube(port, whole.Frame, joined, joined.Length, whole);
        if (wrong != DropReason.None)
        {
            port.Count(wrong);
            _frames.Free(whole.Frame);
        }

        // The fragment itself was given back with the others.
        return DropReason.None;
    }
}
