namespace Makatea.NetStack;

/// <summary>
/// How long a flow is kept without a packet, in milliseconds: the defaults of Linux' nf_conntrack (Documentation/networking/nf_conntrack-sysctl.rst). [RFC 5382] 5 asks for at
/// least 124 minutes of an established TCP connection and 4 minutes of others, [RFC 4787] 4.3 for 2 minutes of UDP; where Linux keeps less, so does this, as a guest's protocols
/// are made for Linux' numbers.
/// </summary>
internal static class FlowTimeouts
{
    /// <summary>UDP that goes on for so long, both ways, is a stream.</summary>
    internal const long StreamAfter = 2 * Second;

    private const long Second = 1000;

    /// <summary>After the last packet in a state.</summary>
    internal static long Of(FlowState state, FlowFlags flags, byte protocol) => state switch
    {
        FlowState.SynSent => 120 * Second,
        FlowState.SynReceived => 60 * Second,

        // Taken up in its midst and not answered: nf_conntrack_tcp_timeout_unacknowledged.
        FlowState.Established when (flags & FlowFlags.HasReply) == 0 => 300 * Second,
        FlowState.Established => 432_000 * Second,
        FlowState.FinWait => 120 * Second,
        FlowState.CloseWait => 60 * Second,
        FlowState.LastAck => 30 * Second,
        FlowState.TimeWait => 120 * Second,
        FlowState.Closed => 10 * Second,
        FlowState.Stream => 120 * Second,
        _ => protocol is IpProtocol.Udp or IpProtocol.Icmp4 or IpProtocol.Icmp6 ? 30 * Second : 600 * Second,
    };

    /// <summary>The longest that a flow in a state may have left.</summary>
    internal static long Longest(FlowState state, byte protocol) => Of(state, FlowFlags.All, protocol);
}
