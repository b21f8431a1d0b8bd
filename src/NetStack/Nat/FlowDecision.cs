namespace Makatea.NetStack;

/// <summary>What the connection tracker says of a packet.</summary>
/// <param name="Verdict">What is to happen to it.</param>
/// <param name="Qube">Where it goes: the qube's number, or <see cref="Uplink"/>. Holds for <see cref="FlowVerdict.Forward"/>.</param>
/// <param name="Flow">Number of the flow, until the next call that tracks a packet.</param>
/// <param name="IsReply">The packet travels against the direction of the flow's first packet.</param>
public readonly record struct FlowDecision(FlowVerdict Verdict, int Qube = FlowDecision.Uplink, int Flow = FlowDecision.None, bool IsReply = false)
{
    /// <summary>Out of the domain's uplink.</summary>
    public const int Uplink = -1;

    /// <summary>No flow.</summary>
    public const int None = -1;

    /// <summary>The packet is an ICMP error about one of the flow's.</summary>
    internal bool IsError { get; init; }
}
