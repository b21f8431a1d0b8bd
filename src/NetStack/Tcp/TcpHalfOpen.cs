namespace Makatea.NetStack;

/// <summary>A connection that a peer began and that was answered: all that is kept of it before the peer proves that it got the answer.</summary>
internal sealed class TcpHalfOpen(TcpKey key, TcpListener listener, int port, in TcpHeader syn, uint initial, uint timestampOffset, long now)
{
    internal TcpKey Key => key;

    internal TcpListener Listener => listener;

    internal int Port => port;

    internal TcpHeader Syn { get; } = syn;

    /// <summary>Own initial sequence number.</summary>
    internal uint Initial => initial;

    internal uint TimestampOffset => timestampOffset;

    internal int Retransmissions { get; set; }

    internal long Sent { get; set; } = now;

    internal long Deadline => Sent + (1000L << Retransmissions);
}
