namespace Makatea.NetStack;

/// <summary>What is to happen to a packet. All but <see cref="Forward"/> and <see cref="Local"/> drop it and are reasons to count by.</summary>
public enum FlowVerdict : byte
{
    /// <summary>It goes on, to <see cref="FlowDecision.Qube"/> or the uplink, after <see cref="ConnectionTracker.Translate"/>.</summary>
    Forward,

    /// <summary>From the uplink, of no flow, and not to a port that may stand for a qube's: it is for the domain itself or for nobody.</summary>
    Local,

    /// <summary>No rule allows it. The sender is told with "administratively prohibited", as by Qubes, as often as the limit for errors allows.</summary>
    Rejected,

    /// <summary>Its transport header is cut off or contradicts itself.</summary>
    Malformed,

    /// <summary>It does not fit the flow that it names: outside the window of a TCP connection, an ICMP error about nothing that was sent, an answer without a question.</summary>
    Invalid,

    /// <summary>The qube has as many flows as it may have, and none of them can be ended for a new one.</summary>
    QubeFull,

    /// <summary>The table is full, and the qube has its fair share of it.</summary>
    TableFull,

    /// <summary>No port of the uplink's address is free.</summary>
    NoPort,

    /// <summary>The uplink has no address of the packet's family.</summary>
    NoAddress,

    /// <summary>The flow's qube is not attached.</summary>
    NoQube,
}
