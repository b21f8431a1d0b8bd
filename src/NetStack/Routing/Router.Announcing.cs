namespace Makatea.NetStack;

/// <content>
/// Says unasked where the domain is when a link comes up. Who asked in vain while it was down asks again a whole second later (RETRANS_TIMER of [RFC 4861] 10, and Linux for ARP), with what it has to send
/// in a queue: a restart of the domain would cost that second on top.
/// </content>
public sealed partial class Router
{
    /// <summary>
    /// Milliseconds before each. A guest sees its link come up some time after its rings run, and may lose what the first has it send; so there are others. A port that is told of too early loses nothing.
    /// </summary>
    private static ReadOnlySpan<short> AnnouncementDelays => [20, 60, 320, 1600];

    /// <summary>The link of a port may have changed.</summary>
    private void LinkChanged(RouterPort port)
    {
        bool isUp = port.Port.Info.IsLinkUp;
        if (isUp != port.IsLinkUp)
        {
            port.IsLinkUp = isUp;
            BeginAnnouncing(port);
        }
    }

    private void BeginAnnouncing(RouterPort port)
    {
        port.Announcements = 0;
        port.AnnounceAt = port.IsLinkUp ? _plane.Now + AnnouncementDelays[0] : long.MaxValue;
        _plane.TickSoon();
    }

    /// <summary>Announces what is due.</summary>
    /// <returns>When the next is due.</returns>
    private long Announce(RouterPort port, long now)
    {
        if (now >= port.AnnounceAt)
        {
            if (port == _uplink)
            {
                AnnounceAtUplink(port);
            }
            else
            {
                AnnounceToQube(port);
            }

            port.Announcements++;
            port.AnnounceAt = port.Announcements < AnnouncementDelays.Length ? now + AnnouncementDelays[port.Announcements] : long.MaxValue;
        }

        return port.AnnounceAt;
    }

    /// <summary>An answer to what it may have asked: Linux takes the queue that waits for it as answered, and sends at once.</summary>
    private void AnnounceToQube(RouterPort port)
    {
        if (port.Peer4 != IpAddress.Any4 && RentArp(out int frame))
        {
            SendArp(port, frame, port.PeerMac, new(IsRequest: false, port.Mac, _options.Gateway4, port.PeerMac, port.Peer4));
        }

        AnnounceNeighbour(port, _options.Gateway6);
    }

    private void AnnounceAtUplink(RouterPort uplink)
    {
        // [RFC 5227] 2.3: a request for the address from the address.
        if (_addresses.IPv4 is { } address && RentArp(out int frame))
        {
            SendArp(uplink, frame, Platform.MacAddress.Broadcast, new(IsRequest: true, uplink.Mac, address, default, address));
        }

        if (_addresses.IPv6 is { } address6)
        {
            AnnounceNeighbour(uplink, address6);
        }
    }

    /// <summary>[RFC 4861] 7.2.6.</summary>
    private void AnnounceNeighbour(RouterPort port, IpAddress address)
    {
        int frame = _frames.Rent();
        if (frame != FramePool.None)
        {
            Span<byte> body = BeginNeighbour(frame, GroupMac(_allNodes), port.Mac);
            NeighbourMessage.WriteAdvertisement(body, address, port.Mac, isSolicited: false);
            EndNeighbour(port, frame, address, _allNodes);
        }
    }

    private bool RentArp(out int frame)
    {
        frame = _frames.Rent();
        if (frame == FramePool.None)
        {
            return false;
        }

        _frames.Reset(frame, Ethernet.HeaderLength + ArpMessage.Length);
        return true;
    }
}
