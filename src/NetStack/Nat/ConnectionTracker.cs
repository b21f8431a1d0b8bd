using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// Says of every packet that passes the domain whether it may, and to whom it goes: connection tracking, the qubes' firewall, source NAT and published ports.
/// </summary>
/// <remarks>
/// The router calls it after the check for spoofed addresses, once a packet: <see cref="Outbound"/>, <see cref="Inbound"/> or <see cref="Between"/>. On
/// <see cref="FlowVerdict.Forward"/> it looks whether the packet fits the MTU (an error that it sends quotes the packet as it came), and then calls <see cref="Translate"/>.
/// All on the forwarding thread; times are milliseconds of a monotonic clock, which goes on when the domain is restarted. Nothing is allocated for a packet.
/// </remarks>
public sealed partial class ConnectionTracker
{
    // A packet moves its flow's end by less than this: not worth a write.
    private const long Coarse = 1000;

    private readonly ConnectionTrackerOptions _options;
    private readonly FlowTable _table;
    private readonly FlowShares _shares;
    private readonly PortMappings _mappings;
    private readonly SourceNat _nat;
    private readonly TrackedQube?[] _qubes;
    private readonly int[] _mapping;
    private IpAddress? _external4;
    private IpAddress? _external6;

    /// <summary>Takes memory, and the flows that a domain before this one left in it; they wait for their qubes.</summary>
    /// <param name="memory">Memory that outlives the domain, of <see cref="MemoryFor"/> bytes, zeroed when it is new. It stays mapped while the tracker is used.</param>
    /// <param name="options">How it is to be.</param>
    /// <param name="now">The time.</param>
    public ConnectionTracker(MemorySegment memory, ConnectionTrackerOptions options, long now)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Qubes, short.MaxValue);
        _options = options;
        UInt128 secret = options.Secret;
        var hash = new FlowKeyHash(secret);
        _table = new(memory, options.Flows, hash, now);
        _mappings = new(options.Flows, hash);
        _nat = new(_table, _mappings, secret ^ 1);
        _qubes = new TrackedQube?[options.Qubes];
        _shares = new(options.Qubes + 1, options.Flows);
        _mapping = new int[options.Flows];
        Restore();
    }

    /// <summary>Number of flows.</summary>
    public int Count => _table.Count;

    /// <summary>Bytes of memory for a number of flows.</summary>
    public static int MemoryFor(int flows) => FlowTable.LengthOf(flows);

    /// <summary>Number of flows of a qube.</summary>
    public int CountOf(int qube) => _shares.CountOf(qube);

    /// <summary>A packet from a qube to an address that is neither another qube's nor the domain's own on that qube's side; the uplink's own address is asked for here.</summary>
    /// <returns>Goes to the uplink, or to a qube where it asked for a port of the uplink's address that is published (hairpin).</returns>
    public FlowDecision Outbound(int qube, in FlowPacket packet, long now) => Track(qube, FlowDecision.Uplink, packet, now);

    /// <summary>A packet from the uplink, to an address that is the uplink's own.</summary>
    /// <returns>Goes to a qube; <see cref="FlowVerdict.Local"/> where it is of no flow, and to a port of the domain's own.</returns>
    public FlowDecision Inbound(in FlowPacket packet, long now) => Track(FlowDecision.Uplink, FlowDecision.None, packet, now);

    /// <summary>A packet from one qube to the address of another.</summary>
    public FlowDecision Between(int from, int to, in FlowPacket packet, long now) => Track(from, to, packet, now);

    /// <summary>A packet from a qube to the domain itself: whether the qube's rules allow it. Nothing is tracked. ICMP, DHCP, ARP and ND are not asked for.</summary>
    public FlowVerdict ToDomain(int qube, in FlowPacket packet, long now)
    {
        FlowVerdict verdict = TransportHeader.TryRead(packet, out TransportHeader header);
        return verdict != FlowVerdict.Forward ? verdict
            : _qubes[qube] is TrackedQube sender && sender.Rules.Allows(header.Key, header.IcmpType, isToQube: false, TimeAt(now)) ? FlowVerdict.Forward
            : FlowVerdict.Rejected;
    }

    /// <summary>Puts the addresses, ports and checksums into a packet that it goes on with. The packet is the one that the decision was made for.</summary>
    public void Translate(in FlowDecision decision, in FlowPacket packet)
    {
        ref FlowRecord flow = ref _table[decision.Flow];
        FlowKey old = flow.Key(decision.IsReply);
        FlowKey other = flow.Key(!decision.IsReply);
        if (!decision.IsError)
        {
            HeaderTranslation.Rewrite(packet, old, other.Reversed);
        }
        else if (IcmpQuote.TryRead(packet, out IcmpQuote quote) && TransportHeader.TryReadAddresses(packet.Bytes, packet.Protocol, out FlowKey outer))
        {
            // The reporter may be anybody on the way; only if it is the flow's end, it has another address on the other side.
            FlowKey wanted = outer with { Source = outer.Source == old.Source ? other.Destination : outer.Source, Destination = other.Source };
            ulong difference = HeaderTranslation.RewriteAddresses(packet.Bytes, wanted);
            if (outer.IsIPv4)
            {
                Checksum.Update(packet.Bytes[IPv4Header.ChecksumOffset..], difference);
            }

            quote.Rewrite(packet, other, difference);
        }
    }

    private FlowDecision Track(int sender, int receiver, in FlowPacket packet, long now)
    {
        FlowVerdict verdict = TransportHeader.TryRead(packet, out TransportHeader header);
        if (verdict != FlowVerdict.Forward)
        {
            // ICMP that is of no flow: from outside it may be for the domain.
            return new(verdict == FlowVerdict.Invalid && sender == FlowDecision.Uplink ? FlowVerdict.Local : verdict);
        }

        if (header.IsError)
        {
            return TrackError(sender, header.Key, packet);
        }

        TcpSegment segment = default;
        bool isTcp = header.Key.Protocol == IpProtocol.Tcp;
        if (isTcp && !TcpSegment.TryRead(packet, out segment))
        {
            return new(FlowVerdict.Malformed);
        }

        int index = _table.Find(header.Key, out bool isReply);
        if (index >= 0 && (_table[index].Deadline <= now || (isTcp && !isReply && TcpTracking.BeginsAnew(_table[index], segment))))
        {
            End(index);
            index = -1;
        }

        if (index < 0)
        {
            return Begin(sender, receiver, header, segment, now);
        }

        ref FlowRecord flow = ref _table[index];
        int target = isReply ? flow.From : flow.To;
        if ((isReply ? flow.To : flow.From) != sender || (isReply && header.IsEchoRequest))
        {
            return new(FlowVerdict.Invalid);
        }

        if (target == FlowRecord.Unattached)
        {
            return new(FlowVerdict.NoQube);
        }

        if (isTcp ? !TryFollowTcp(index, ref flow, segment, isReply, now) : !TryFollow(index, ref flow, isReply, now))
        {
            return new(FlowVerdict.Invalid);
        }

        return new(FlowVerdict.Forward, target, index, isReply);
    }

    /// <summary>An error travels against the packet that it quotes, and is of that one's flow; it keeps nothing alive ([RFC 5508] 4.2).</summary>
    private FlowDecision TrackError(int sender, in FlowKey outer, in FlowPacket packet)
    {
        // From outside it may be about a packet of the domain's own.
        FlowVerdict unknown = sender == FlowDecision.Uplink ? FlowVerdict.Local : FlowVerdict.Invalid;
        if (!IcmpQuote.TryRead(packet, out IcmpQuote quote))
        {
            return new(FlowVerdict.Malformed);
        }

        int index = _table.Find(quote.Key.Reversed, out bool isReply);
        if (index < 0)
        {
            return new(unknown);
        }

        ref FlowRecord flow = ref _table[index];
        int target = isReply ? flow.From : flow.To;
        return (isReply ? flow.To : flow.From) != sender || flow.Key(isReply).Destination != outer.Destination ? new(FlowVerdict.Invalid)
            : target == FlowRecord.Unattached ? new(FlowVerdict.NoQube)
            : new(FlowVerdict.Forward, target, index, isReply) { IsError = true };
    }

    private bool TryFollowTcp(int index, ref FlowRecord flow, in TcpSegment segment, bool isReply, long now)
    {
        FlowState before = flow.State;
        if (!TcpTracking.TryFollow(ref flow, segment, isReply))
        {
            return false;
        }

        Refresh(index, ref flow, before, isReply, now);
        return true;
    }

    private bool TryFollow(int index, ref FlowRecord flow, bool isReply, long now)
    {
        FlowState before = flow.State;
        if (isReply && before == FlowState.Unreplied)
        {
            flow.State = FlowState.Replied;
        }
        else if (before == FlowState.Replied && flow.Original.Protocol == IpProtocol.Udp && now - flow.Started >= FlowTimeouts.StreamAfter)
        {
            flow.State = FlowState.Stream;
        }

        Refresh(index, ref flow, before, isReply, now);
        return true;
    }

    private void Refresh(int index, ref FlowRecord flow, FlowState before, bool isReply, long now)
    {
        FlowFlags flags = flow.Flags;
        if (isReply && (flags & FlowFlags.HasReply) == 0)
        {
            flow.Flags = flags |= FlowFlags.HasReply;
        }
        else if (flow.State == before && (before == FlowState.Closed || now + FlowTimeouts.Of(before, flags, flow.Original.Protocol) - flow.Deadline < Coarse))
        {
            return;
        }

        flow.Deadline = now + FlowTimeouts.Of(flow.State, flags, flow.Original.Protocol);
        _shares.Touch(index, flow.Owner, RankOf(flow));
    }
}
