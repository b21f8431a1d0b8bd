namespace Makatea.Platform.Sel4;

/// <summary>
/// A channel over memory that two components share, with a doorbell each way. What the peer writes there is read once and checked; it can end the channel, and nothing else.
/// </summary>
public sealed class RegionChannel : MessageChannel
{
    private static readonly TimeSpan _firstPatience = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _longestPatience = TimeSpan.FromSeconds(2);

    private readonly ChannelLink _link;
    private readonly ChannelBell _bell;
    private readonly bool _ownsBell;
    private readonly uint _session;
    private readonly Lock _sending = new();
    private volatile bool _closed;
    private bool _disposed;

    internal RegionChannel(ChannelPeer peer, ChannelLink link, ChannelBell bell, uint session, bool ownsBell)
    {
        Peer = peer;
        _link = link;
        _bell = bell;
        _session = session;
        _ownsBell = ownsBell;
    }

    /// <summary>How long <see cref="Send"/> waits for a peer that does not read. 10 seconds unless set.</summary>
    public TimeSpan SendTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The peer ended the session or began another, or the channel was closed here: a peer that was started again is known by this.</summary>
    public bool IsEnded => _closed || _link.PeersSession != _session;

    /// <summary>What can be granted over it.</summary>
    internal ChannelPeer Peer { get; }

    /// <summary>How long connecting waits to be served.</summary>
    internal static TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <inheritdoc/>
    public override int Receive(Span<byte> buffer, IList<Grant> grants)
    {
        ArgumentNullException.ThrowIfNull(grants);
        if (buffer.IsEmpty)
        {
            throw new ArgumentException("a buffer of no bytes cannot tell a message from the end", nameof(buffer));
        }

        List<ChannelObject> named = [];
        while (true)
        {
            if (_closed)
            {
                throw new IOException("the channel was closed on this side");
            }

            uint session = _link.PeersSession;
            if (session != _session && session != 0)
            {
                return 0;
            }

            // What was sent before the end is still there; where another session began meanwhile, what was read is nothing.
            int count = Read(buffer, named);
            if (session != 0 && _link.PeersSession is not 0 and uint now && now != _session)
            {
                return 0;
            }

            if (count > 0 || session == 0)
            {
                named.ForEach(n => grants.Add(Peer.Resolve(n)));
                return count;
            }

            _bell.Wait(DoorbellWaiter.Forever);
        }
    }

    /// <inheritdoc/>
    public override void Send(ReadOnlySpan<byte> message, ReadOnlySpan<Grant> grants)
    {
        if (grants.Length > MaxGrants || (message.IsEmpty && !grants.IsEmpty))
        {
            throw new ArgumentException($"{grants.Length} grants with {message.Length} bytes; a message carries at most {MaxGrants}, with at least one byte", nameof(grants));
        }

        Span<ChannelObject> named = stackalloc ChannelObject[MaxGrants];
        for (int i = 0; i < grants.Length; i++)
        {
            named[i] = (grants[i] as Sel4Grant ?? throw new ArgumentException($"{grants[i].GetType()} is not a grant of this host", nameof(grants))).Object;
        }

        lock (_sending)
        {
            SendAll(message, named[..grants.Length]);
        }
    }

    /// <inheritdoc/>
    public override void Close()
    {
        if (!_closed)
        {
            _closed = true;
            lock (_sending)
            {
                if (!_disposed)
                {
                    _link.End();
                    _bell.RingPeer();
                    _bell.Wake();
                }
            }
        }
    }

    /// <summary>Connects, and waits until somebody serves the channel. A channel from before is disposed: there is one session at a time.</summary>
    /// <exception cref="IOException">Nobody does.</exception>
    internal static RegionChannel Connect(ChannelPeer peer)
    {
        if (peer.IsServer)
        {
            throw new GrantException($"component serves channel '{peer.Name}' and cannot connect to it");
        }

        peer.Current?.Dispose();
        ChannelLink link = new(peer);
        ChannelBell bell = new(peer);
        try
        {
            long start = TimeProvider.System.GetTimestamp();
            TimeSpan patience = _firstPatience;
            while (TimeProvider.System.GetElapsedTime(start) < ConnectTimeout)
            {
                // A server that was started again passes the session over that it finds, as it cannot know how much of it was served.
                uint session = link.OurSession is uint.MaxValue ? 1 : link.OurSession + 1;
                link.Begin(session);
                bell.RingPeer();
                if (IsServed(link, bell, session, patience))
                {
                    return peer.Current = new RegionChannel(peer, link, bell, session, ownsBell: true);
                }

                patience = patience * 2 < _longestPatience ? patience * 2 : _longestPatience;
            }

            link.End();
            throw new IOException($"nobody served channel '{peer.Name}' for {ConnectTimeout.TotalSeconds:0.#} s");
        }
        catch
        {
            bell.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Close();
        lock (_sending)
        {
            if (!_disposed)
            {
                _disposed = true;
                if (_ownsBell)
                {
                    _bell.Dispose();
                }
            }
        }
    }

    private static bool IsServed(ChannelLink link, ChannelBell bell, uint session, TimeSpan patience)
    {
        long deadline = TimeProvider.System.GetTimestamp() + (long)(patience.TotalSeconds * TimeProvider.System.TimestampFrequency);
        while (link.PeersSession != session)
        {
            if (TimeProvider.System.GetTimestamp() >= deadline)
            {
                return false;
            }

            bell.Wait(deadline);
        }

        return true;
    }

    private int Read(Span<byte> buffer, List<ChannelObject> named)
    {
        named.Clear();
        try
        {
            return _link.Incoming.Read(buffer, named);
        }
        catch (IOException) when (_link.PeersSession != _session)
        {
            return 0;
        }
    }

    private void SendAll(ReadOnlySpan<byte> message, ReadOnlySpan<ChannelObject> grants)
    {
        long deadline = TimeProvider.System.GetTimestamp() + (long)(SendTimeout.TotalSeconds * TimeProvider.System.TimestampFrequency);
        while (!message.IsEmpty)
        {
            if (IsEnded)
            {
                throw new IOException(_closed ? "the channel was closed on this side" : "cannot send on the channel: the peer is gone");
            }

            ReadOnlySpan<byte> part = message[..Math.Min(message.Length, _link.Outgoing.MostBytes)];
            if (_link.Outgoing.TryWrite(part, grants))
            {
                _bell.RingPeer();
                message = message[part.Length..];
                grants = [];
                continue;
            }

            if (TimeProvider.System.GetTimestamp() >= deadline)
            {
                throw new IOException($"the peer did not read for {SendTimeout.TotalSeconds:0.#} s; close the channel, as part of a message may have been sent");
            }

            // A full ring is rare, and no reason for a doorbell of its own.
            Thread.Sleep(1);
        }
    }
}
