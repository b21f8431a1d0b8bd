using System.Runtime.InteropServices;

namespace Makatea.NetStack;

/// <summary>
/// A flow, in memory that outlives the domain. The process may be killed between any two stores, so <see cref="Check"/> is written last and cleared first; what may be torn
/// behind it (state, deadline, windows) is small and checked where it is read back.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal struct FlowRecord
{
    internal const int Size = 176;

    /// <summary>No qube of this run: the flow was found in memory and waits for its qube.</summary>
    internal const short Unattached = -2;

    // Not a secret: it tells whole records from torn ones, not good ones from evil.
    private const ulong CheckKey = 0x6d616b61_74656131;

    /// <summary>What packets of the first direction carry where they enter.</summary>
    public FlowKey Original;

    /// <summary>What packets of the other direction carry where they enter. What leaves the domain is the reverse of the other key: that is all there is to translation.</summary>
    public FlowKey Reply;

    /// <summary>Hash of both keys and the kind; 0 where there is no flow.</summary>
    public ulong Check;

    /// <summary>When it ends, unless a packet comes.</summary>
    public long Deadline;

    /// <summary>When it began.</summary>
    public long Started;

    /// <summary>TCP: who began.</summary>
    public TcpSide OriginalSide;

    /// <summary>TCP: who answered.</summary>
    public TcpSide ReplySide;

    /// <summary>How far it is.</summary>
    public FlowState State;

    /// <summary>Between whom it is.</summary>
    public FlowKind Kind;

    /// <summary>Facts.</summary>
    public FlowFlags Flags;

    /// <summary>Type of the ICMP message that began it, for the firewall's rules.</summary>
    public byte IcmpType;

    /// <summary>Who is at the end that began: a qube, <see cref="FlowDecision.Uplink"/> or <see cref="Unattached"/>. Of this run alone.</summary>
    public short From;

    /// <summary>Who is at the other end.</summary>
    public short To;

    /// <summary>Whose share of the table it takes. Of this run alone.</summary>
    public short Owner;

    /// <summary>The key of one direction.</summary>
    public readonly FlowKey Key(bool isReply) => isReply ? Reply : Original;

    /// <summary>What <see cref="Check"/> has to be; never 0.</summary>
    public readonly ulong ExpectedCheck()
    {
        var hash = new SipHash(CheckKey);
        Add(ref hash, Original);
        Add(ref hash, Reply);
        hash.Add((ulong)Kind);
        return hash.Finish() | 1;
    }

    /// <summary>
    /// Whether what was found in memory can be a flow. Its windows are not relied on at first (<see cref="TcpSideFlags.Relearn"/>), its ends are of no meaning any more.
    /// </summary>
    public bool TryRestore(long now)
    {
        bool isTcp = Original.Protocol == IpProtocol.Tcp;
        if (Check == 0 || Check != ExpectedCheck() || Kind is < FlowKind.Outbound or > FlowKind.Hairpin
            || Original.Protocol != Reply.Protocol || !SameFamily()
            || (isTcp ? State is < FlowState.SynSent or > FlowState.Closed : State is < FlowState.Unreplied or > FlowState.Stream))
        {
            return false;
        }

        // A deadline that the state cannot have reached is a torn or foreign one.
        Started = Math.Min(Started, now);
        Deadline = Math.Min(Deadline, now + FlowTimeouts.Longest(State, Original.Protocol));
        Flags &= FlowFlags.All;
        Restore(ref OriginalSide);
        Restore(ref ReplySide);
        From = To = Owner = Unattached;
        return Deadline > now;
    }

    private static void Restore(ref TcpSide side)
    {
        side.Scale = Math.Min(side.Scale, (byte)TcpSide.MaxScale);
        side.Flags = (side.Flags & TcpSideFlags.All) | TcpSideFlags.Relearn;
    }

    private static void Add(ref SipHash hash, in FlowKey key)
    {
        hash.Add(key.Source.Value);
        hash.Add(key.Destination.Value);
        hash.Add(key.Ports);
    }

    private readonly bool SameFamily() =>
        Original.Source.IsIPv4 == Original.Destination.IsIPv4 && Reply.Source.IsIPv4 == Original.Source.IsIPv4 && Reply.Destination.IsIPv4 == Original.Source.IsIPv4;
}
