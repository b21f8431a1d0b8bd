namespace Makatea.Platform.Sel4;

/// <summary>Serves one channel: its peer comes and goes, one session at a time. A session's channel is disposed before the next is accepted.</summary>
public sealed class RegionListener : ChannelListener
{
    private readonly ChannelPeer _peer;
    private readonly ChannelBell _bell;
    private RegionChannel? _current;
    private uint _last;
    private volatile bool _closed;
    private bool _disposed;

    /// <exception cref="GrantException">The component connects to the channel, and does not serve it.</exception>
    internal RegionListener(ChannelPeer peer)
    {
        if (!peer.IsServer)
        {
            throw new GrantException($"this component connects to channel '{peer.Name}'; the other serves it");
        }

        _peer = peer;
        ChannelLink link = new(peer);
        _bell = new ChannelBell(peer);

        // A session that is there is one of a server before us: its peer learns that it ended, and begins another.
        _last = link.PeersSession;
        link.End();
        _bell.RingPeer();
    }

    /// <inheritdoc/>
    public override MessageChannel? Accept()
    {
        _current?.Dispose();
        _current = null;
        ChannelLink link = new(_peer);
        while (!_closed)
        {
            uint session = link.PeersSession;
            if (session != 0 && session != _last)
            {
                _last = session;
                link.Begin(session);
                _bell.RingPeer();
                return _current = new RegionChannel(_peer, link, _bell, session, ownsBell: false);
            }

            _bell.Wait(DoorbellWaiter.Forever);
        }

        return null;
    }

    /// <inheritdoc/>
    public override void Close()
    {
        if (!_closed)
        {
            _closed = true;
            if (!_disposed)
            {
                _bell.Wake();
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Close();
        if (!_disposed)
        {
            _disposed = true;
            _current?.Dispose();
            _bell.Dispose();
        }
    }
}
