using System.IO.Pipelines;

namespace Makatea.NetStack;

/// <summary>Bounds and times of the domain's own TCP. Times are in milliseconds.</summary>
public sealed record TcpOptions
{
    /// <summary>Bytes that wait to be sent or acknowledged, for each connection; a power of two. The pipe in front takes as many.</summary>
    public int SendBuffer { get; init; } = 64 * 1024;

    /// <summary>Bytes that wait to be read or for a gap to be filled, for each connection; a power of two. It is the window. The pipe behind takes as many.</summary>
    public int ReceiveBuffer { get; init; } = 64 * 1024;

    /// <summary>Most connections; each takes up to twice both buffers.</summary>
    public int MaximumConnections { get; init; } = 128;

    /// <summary>Most connections that peers behind one port opened.</summary>
    public int MaximumConnectionsPerPort { get; init; } = 32;

    /// <summary>Most half-open connections of peers behind one port; the oldest gives way ([RFC 4987] 3.4).</summary>
    public int MaximumHalfOpenPerPort { get; init; } = 32;

    /// <summary>Most closed connections that are remembered; the oldest is forgotten.</summary>
    public int MaximumTimeWait { get; init; } = 512;

    /// <summary>How long they are: twice the maximum segment lifetime.</summary>
    public long TimeWait { get; init; } = 60_000;

    /// <summary>How often a segment is sent again before the connection is given up.</summary>
    public int MaximumRetransmissions { get; init; } = 10;

    /// <summary>How often SYN is.</summary>
    public int MaximumSynRetransmissions { get; init; } = 5;

    /// <summary>After what time of silence the peer is asked whether it is there; 0 never asks.</summary>
    public long KeepAliveIdle { get; init; } = 120_000;

    /// <summary>How often it is asked, at which interval, before the connection is given up.</summary>
    public int KeepAliveProbes { get; init; } = 4;

    /// <summary>The interval.</summary>
    public long KeepAliveInterval { get; init; } = 15_000;

    /// <summary>Where continuations of who uses connections run; null on the forwarding thread, for services that are its own.</summary>
    public PipeScheduler? ApplicationScheduler { get; init; }

    /// <summary>For tests: without, as some peers are.</summary>
    internal bool HasSack { get; init; } = true;

    /// <summary>For tests: without, as some peers are.</summary>
    internal bool HasTimestamps { get; init; } = true;

    internal const long DelayedAck = 40;
    internal const long FinWait = 60_000;
    internal const long ChallengeInterval = 500; // [RFC 5961] 10
    internal const int PooledBuffers = 16;
    internal const int ResetsPerSecond = 100;
}
