namespace Makatea.NetStack;

/// <summary>Why a connection was not made, or ended.</summary>
public enum TcpFailure
{
    /// <summary>The peer refused it, or a router on the way did.</summary>
    Refused,

    /// <summary>The peer reset it.</summary>
    Reset,

    /// <summary>The peer did not answer in time.</summary>
    TimedOut,

    /// <summary>There is no way to the peer.</summary>
    Unreachable,

    /// <summary>It was ended on this side.</summary>
    Aborted,

    /// <summary>There are too many connections.</summary>
    TooMany,
}

/// <summary>A connection was not made, or ended before its time.</summary>
public sealed class TcpException(TcpFailure failure, string message) : IOException(message)
{
    /// <summary>Why.</summary>
    public TcpFailure Failure => failure;
}
