namespace Makatea.NetStack;

/// <summary>
/// Follows TCP connections from outside of them: their state, and for each side what it may send. A segment outside goes no further, so that who cannot see a connection can neither end it nor
/// put data into it ([RFC 5961]; the checks are those of van Rooij, "Real Stateful TCP Packet Filtering in IP Filter", 2001, as in Linux and the BSDs).
/// </summary>
internal static class TcpTracking
{
    // An old acknowledgment may come late by the largest window without scale, at least.
    private const uint LeastAckWindow = 66000;
    private const uint LargestWindow = (uint)ushort.MaxValue << TcpSide.MaxScale;

    /// <summary>Begins a connection with its first segment.</summary>
    /// <param name="flow">The flow.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="mayPickUp">Whether one in the midst of a connection begins one as well, as after the table was lost.</param>
    /// <returns>False where it begins none.</returns>
    internal static bool TryBegin(ref FlowRecord flow, in TcpSegment segment, bool mayPickUp)
    {
        ref TcpSide side = ref flow.OriginalSide;
        if (segment is { IsSyn: true, IsAck: false })
        {
            BeginSide(ref side, segment);
            flow.State = FlowState.SynSent;
            return true;
        }

        if (!mayPickUp || segment.IsSyn || segment.IsReset)
        {
            return false;
        }

        // What the handshake said of windows is not known: the most is assumed, and what is outside all the same goes on.
        flow.Flags |= FlowFlags.PickedUp;
        flow.State = FlowState.Established;
        flow.OriginalSide = new() { End = segment.Sequence, Acked = segment.Sequence, MaxEnd = segment.End + LargestWindow, Scale = TcpSide.MaxScale };
        flow.ReplySide = new() { End = segment.Acknowledged, Acked = segment.Acknowledged, MaxWindow = LargestWindow, Scale = TcpSide.MaxScale };
        return TryFollow(ref flow, segment, isReply: false);
    }

    /// <summary>Whether a segment begins a new connection between the ports of one that is over.</summary>
    internal static bool BeginsAnew(in FlowRecord flow, in TcpSegment segment) =>
        segment is { IsSyn: true, IsAck: false } && flow.State is FlowState.TimeWait or FlowState.Closed;

    /// <summary>Follows a further segment.</summary>
    /// <returns>False where it is outside the window, and is to be dropped.</returns>
    internal static bool TryFollow(ref FlowRecord flow, in TcpSegment segment, bool isReply)
    {
        ref TcpSide sender = ref isReply ? ref flow.ReplySide : ref flow.OriginalSide;
        ref TcpSide receiver = ref isReply ? ref flow.OriginalSide : ref flow.ReplySide;
        if (segment.IsReset)
        {
            return TryReset(ref flow, segment, isReply);
        }

        if (segment.IsSyn)
        {
            return FollowSyn(ref flow, segment, isReply);
        }

        if (flow.State == FlowState.SynSent)
        {
            // The other side knows an older connection between these ports: its acknowledgment makes the first one reset that ([RFC 9293] 3.5.1).
            return isReply;
        }

        if (!IsInWindow(sender, receiver, segment))
        {
            return IsLiberal(flow, sender);
        }

        uint acked = receiver.Acked;
        Advance(ref sender, ref receiver, segment);
        if (flow.State != FlowState.SynReceived || After(receiver.Acked, acked))
        {
            flow.State = NextState(flow);
        }

        return true;
    }

    private static bool FollowSyn(ref FlowRecord flow, in TcpSegment segment, bool isReply)
    {
        ref TcpSide sender = ref isReply ? ref flow.ReplySide : ref flow.OriginalSide;
        ref TcpSide receiver = ref isReply ? ref flow.OriginalSide : ref flow.ReplySide;
        if (flow.State == FlowState.SynSent && !isReply)
        {
            if (!segment.IsAck)
            {
                BeginSide(ref sender, segment);
            }

            return !segment.IsAck;
        }

        bool isAnswer = flow.State is FlowState.SynSent or FlowState.SynReceived && sender.MaxWindow == 0;
        if (!isAnswer)
        {
            // Sent once more, or by one who forgot, or by a stranger: the receiver acknowledges what it has and changes nothing ([RFC 5961] 4.2). Nor does the flow.
            // What answers begin no connection of their own when the flow is over.
            return segment.IsAck ? !After(segment.Acknowledged, receiver.End) : !isReply || flow.State is not (FlowState.TimeWait or FlowState.Closed);
        }

        if (segment.IsAck && (!After(segment.Acknowledged, receiver.Acked) || After(segment.Acknowledged, receiver.End)))
        {
            // It answers another SYN: the first side resets it, which the flow outlives.
            return true;
        }

        BeginSide(ref sender, segment);
        if ((sender.Flags & receiver.Flags & TcpSideFlags.HasScale) == 0)
        {
            sender.Scale = receiver.Scale = 0;
        }

        sender.MaxEnd = sender.End + receiver.MaxWindow;
        receiver.MaxEnd = receiver.End + sender.MaxWindow;
        receiver.Acked = segment.IsAck ? segment.Acknowledged : receiver.Acked;
        flow.State = FlowState.SynReceived;
        return true;
    }

    /// <summary>A reset ends the connection if its number is one that the receiver may wait for; others inside the window go on, for the receiver to ask back ([RFC 5961] 3.2).</summary>
    private static bool TryReset(ref FlowRecord flow, in TcpSegment segment, bool isReply)
    {
        ref TcpSide sender = ref isReply ? ref flow.ReplySide : ref flow.OriginalSide;
        ref TcpSide receiver = ref isReply ? ref flow.OriginalSide : ref flow.ReplySide;
        if (flow.State == FlowState.SynSent)
        {
            // Refused; or the first side refuses an answer to an older connection, and will send its SYN again.
            bool isRefused = isReply && segment.IsAck && After(segment.Acknowledged, receiver.Acked) && !After(segment.Acknowledged, receiver.End);
            flow.State = isRefused ? FlowState.Closed : flow.State;
            return isRefused || !isReply;
        }

        if (segment.Sequence - sender.Acked <= sender.End - sender.Acked)
        {
            flow.State = FlowState.Closed;
            return true;
        }

        bool isInWindow = !After(segment.Sequence, sender.MaxEnd) && After(segment.Sequence + Math.Max(receiver.MaxWindow, 1), sender.End);
        return isInWindow || IsLiberal(flow, sender);
    }

    /// <summary>What is known may be wrong: after a restart until a segment fits, and where the handshake was not seen. What does not fit goes on then, and changes nothing.</summary>
    private static bool IsLiberal(in FlowRecord flow, in TcpSide sender) => (flow.Flags & FlowFlags.PickedUp) != 0 || (sender.Flags & TcpSideFlags.Relearn) != 0;

    private static bool IsInWindow(in TcpSide sender, in TcpSide receiver, in TcpSegment segment) =>

        // Not beyond what the receiver allowed; not older than what it can still want again (a probe for life is one below).
        !After(segment.Sequence, sender.MaxEnd)
        && !After(sender.End - receiver.MaxWindow - 1, segment.End)

        // Acknowledges what was sent, and nothing long ago ([RFC 5961] 5.2).
        && !After(segment.Acknowledged, receiver.End)
        && !After(receiver.Acked - Math.Max(sender.MaxWindow, LeastAckWindow), segment.Acknowledged);

    private static void Advance(ref TcpSide sender, ref TcpSide receiver, in TcpSegment segment)
    {
        uint window = Math.Max((uint)segment.Window << sender.Scale, 1);
        sender.MaxWindow = Math.Max(sender.MaxWindow, window);
        sender.End = Later(sender.End, segment.End);
        receiver.MaxEnd = Later(receiver.MaxEnd, segment.Acknowledged + window);
        receiver.Acked = Later(receiver.Acked, segment.Acknowledged);
        sender.Flags &= ~TcpSideFlags.Relearn;
        if (segment.IsFin)
        {
            sender.Flags |= TcpSideFlags.Fin;
        }

        if ((receiver.Flags & TcpSideFlags.Fin) != 0 && receiver.Acked == receiver.End)
        {
            receiver.Flags |= TcpSideFlags.FinAcked;
        }
    }

    private static FlowState NextState(in FlowRecord flow)
    {
        TcpSideFlags either = flow.OriginalSide.Flags | flow.ReplySide.Flags;
        TcpSideFlags both = flow.OriginalSide.Flags & flow.ReplySide.Flags;
        return flow.State switch
        {
            FlowState.Closed => FlowState.Closed,
            _ when (both & TcpSideFlags.FinAcked) != 0 => FlowState.TimeWait,
            _ when (both & TcpSideFlags.Fin) != 0 => FlowState.LastAck,
            _ when (either & TcpSideFlags.FinAcked) != 0 => FlowState.CloseWait,
            _ when (either & TcpSideFlags.Fin) != 0 => FlowState.FinWait,
            _ => FlowState.Established,
        };
    }

    private static void BeginSide(ref TcpSide side, in TcpSegment segment) => side = new()
    {
        End = segment.End,
        MaxEnd = segment.End,
        MaxWindow = Math.Max((uint)segment.Window, 1),
        Acked = segment.Sequence,
        Scale = (byte)Math.Max(segment.Scale, 0),
        Flags = segment.Scale >= 0 ? TcpSideFlags.HasScale : TcpSideFlags.None,
    };

    private static uint Later(uint one, uint other) => After(one, other) ? one : other;

    private static bool After(uint one, uint other) => (int)(one - other) > 0;
}
