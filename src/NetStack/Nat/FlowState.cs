namespace Makatea.NetStack;

/// <summary>How far a flow is. Kept in memory that outlives the domain: values stay what they are.</summary>
internal enum FlowState : byte
{
    /// <summary>No answer yet. Not TCP.</summary>
    Unreplied = 1,

    /// <summary>There was an answer. Not TCP.</summary>
    Replied = 2,

    /// <summary>UDP that was answered and went on for <see cref="FlowTimeouts.StreamAfter"/>.</summary>
    Stream = 3,

    /// <summary>SYN seen.</summary>
    SynSent = 4,

    /// <summary>SYN and SYN with ACK seen, or SYN of both sides.</summary>
    SynReceived = 5,

    /// <summary>Handshake seen, or taken up in its midst.</summary>
    Established = 6,

    /// <summary>FIN of one side seen.</summary>
    FinWait = 7,

    /// <summary>It was acknowledged.</summary>
    CloseWait = 8,

    /// <summary>FIN of both sides seen.</summary>
    LastAck = 9,

    /// <summary>Both were acknowledged.</summary>
    TimeWait = 10,

    /// <summary>Reset.</summary>
    Closed = 11,
}

/// <summary>Between whom a flow is: who is at its two ends, and so what is translated.</summary>
internal enum FlowKind : byte
{
    /// <summary>From a qube to the uplink, with a source of the uplink's.</summary>
    Outbound = 1,

    /// <summary>From the uplink to a published port.</summary>
    Inbound = 2,

    /// <summary>From a qube to another; nothing is translated.</summary>
    Between = 3,

    /// <summary>From a qube to a port of the uplink's address that is published, which leads to another (or the same) qube. Both addresses are translated ([RFC 4787] 6).</summary>
    Hairpin = 4,
}

/// <summary>Facts about a flow.</summary>
[Flags]
internal enum FlowFlags : byte
{
    None = 0,

    /// <summary>A packet of the other direction was seen.</summary>
    HasReply = 1 << 0,

    /// <summary>TCP was taken up in its midst: the scale of its windows is not known.</summary>
    PickedUp = 1 << 1,

    All = HasReply | PickedUp,
}
