namespace Makatea.NetStack;

/// <summary>What is remembered of a connection that was closed here first, so that late segments do not disturb its next ([RFC 9293] 3.3.2).</summary>
internal sealed class TcpTimeWait
{
    internal required TcpKey Key { get; init; }

    internal required int Port { get; init; }

    internal required uint Sent { get; init; }

    internal required uint Received { get; init; }

    internal required bool HasTimestamps { get; init; }

    internal required uint Timestamp { get; init; }

    internal required uint TimestampOffset { get; init; }

    internal long Expires { get; set; }

    internal long Challenged { get; set; }

    /// <summary>Whether a SYN may begin a new connection: it is later than all of the old ([RFC 9293] 3.6.1, [RFC 6191] 2).</summary>
    internal bool Admits(in TcpHeader syn) =>
        syn.HasTimestamps && HasTimestamps ? TcpSequence.IsBefore(Timestamp, syn.Timestamp) : TcpSequence.IsBefore(Received, syn.Sequence);
}
