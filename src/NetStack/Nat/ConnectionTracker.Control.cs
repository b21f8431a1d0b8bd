namespace Makatea.NetStack;

/// <content>What changes while packets pass: qubes, their rules, the uplink's addresses, published ports. Between batches, on the forwarding thread; each looks at the whole table once.</content>
public sealed partial class ConnectionTracker
{
    // Names that rules are for get so long to be resolved, before connections end that only such a rule allows.
    private const long ResolveTime = 30_000;

    private long? _unixOffset;

    /// <summary>Tells the time of day, for rules that expire. Before, those hold where they drop and not where they accept.</summary>
    /// <param name="unixTime">Milliseconds of UNIX time.</param>
    /// <param name="now">The same moment on the monotonic clock.</param>
    public void SetTime(long unixTime, long now) => _unixOffset = unixTime - now;

    /// <summary>The uplink has these addresses. Flows with others end; with null, they wait, and there are no new ones.</summary>
    public void SetUplink(IpAddress? address4, IpAddress? address6)
    {
        (_external4, _external6) = (address4, address6);
        for (int i = 0; i < _table.Capacity; i++)
        {
            ref FlowRecord flow = ref _table[i];
            if (flow.Check == 0 || flow.Kind == FlowKind.Between)
            {
                continue;
            }

            IpAddress used = flow.Kind == FlowKind.Inbound ? flow.Original.Destination : flow.Reply.Destination;
            if ((used.IsIPv4 ? address4 : address6) is IpAddress address && address != used)
            {
                End(i);
            }
        }
    }

    /// <summary>Publishes these ports and no others. Connections to ports that lead elsewhere now end.</summary>
    /// <exception cref="ArgumentException">A port is published twice.</exception>
    public void Publish(IReadOnlyList<PublishedPort> ports)
    {
        var published = new PublishedPorts(ports);
        _nat.Published = published;
        for (int i = 0; i < _table.Capacity; i++)
        {
            ref FlowRecord flow = ref _table[i];
            if (flow.Check != 0 && flow.Kind is FlowKind.Inbound or FlowKind.Hairpin
                && !(published.TryFind(flow.Original.IsIPv4, flow.Original.Protocol, flow.Original.DestinationPort, out IpAddress address, out ushort port)
                    && address == flow.Reply.Source && port == flow.Reply.SourcePort))
            {
                End(i);
            }
        }
    }

    /// <summary>A qube is there: takes flows of its addresses that a domain before this one left, as far as the rules allow them.</summary>
    /// <param name="qube">Its number, not in use.</param>
    /// <param name="address4">Its IPv4 address.</param>
    /// <param name="address6">Its IPv6 address.</param>
    /// <param name="rules">Its rules; they are the tracker's from here on.</param>
    /// <param name="now">The time.</param>
    public void Attach(int qube, IpAddress? address4, IpAddress? address6, FirewallRuleSet rules, long now)
    {
        if (_qubes[qube] is not null)
        {
            throw new InvalidOperationException($"qube {qube} is attached already");
        }

        TrackedQube attached = _qubes[qube] = new(address4, address6, rules);
        for (int i = 0; i < _table.Capacity; i++)
        {
            ref FlowRecord flow = ref _table[i];
            if (flow.Check == 0)
            {
                continue;
            }

            flow.From = flow.From == FlowRecord.Unattached && attached.Has(flow.Original.Source) ? (short)qube : flow.From;
            flow.To = flow.To == FlowRecord.Unattached && attached.Has(flow.Reply.Source) ? (short)qube : flow.To;
            short owner = flow.Kind == FlowKind.Inbound ? flow.To : flow.From;
            if (owner == qube && flow.Owner < 0)
            {
                _shares.Remove(i, OwnerIndex(flow.Owner));
                flow.Owner = owner;
                _shares.Add(i, owner, RankOf(flow));
            }
        }

        Reevaluate(qube, attached, isLenient: true, now);
    }

    /// <summary>A qube is gone: its flows end. Its address may be another's next.</summary>
    public void Detach(int qube)
    {
        _qubes[qube]?.Rules.Dispose();
        _qubes[qube] = null;
        for (int i = 0; i < _table.Capacity; i++)
        {
            ref FlowRecord flow = ref _table[i];
            if (flow.Check != 0 && (flow.From == qube || flow.To == qube))
            {
                End(i);
            }
        }
    }

    /// <summary>A qube has other rules. Connections that they allow go on, the others end.</summary>
    /// <param name="qube">The qube, attached.</param>
    /// <param name="rules">The rules; they are the tracker's from here on.</param>
    /// <param name="now">The time.</param>
    public void SetRules(int qube, FirewallRuleSet rules, long now)
    {
        TrackedQube changed = _qubes[qube] ?? throw new InvalidOperationException($"qube {qube} is not attached");
        FirewallRuleSet before = changed.Rules;
        changed.Rules = rules;
        before.Dispose();
        Reevaluate(qube, changed, isLenient: true, now);
    }

    private FirewallTime TimeAt(long now) => new(now, _unixOffset is long offset ? (now + offset) / 1000 : -1);

    private int QubeAt(IpAddress address)
    {
        for (int i = 0; i < _qubes.Length; i++)
        {
            if (_qubes[i] is TrackedQube qube && qube.Has(address))
            {
                return i;
            }
        }

        return FlowRecord.Unattached;
    }

    private void RecheckDue(long now)
    {
        FirewallTime time = TimeAt(now);
        for (int i = 0; i < _qubes.Length; i++)
        {
            if (_qubes[i] is TrackedQube qube && (qube.Recheck <= now || qube.NextExpiry <= time.UnixTime))
            {
                Reevaluate(i, qube, isLenient: false, now);
            }
        }
    }

    /// <summary>Ends the flows that a qube began and may not have any more.</summary>
    private void Reevaluate(int number, TrackedQube qube, bool isLenient, long now)
    {
        FirewallTime time = TimeAt(now);
        qube.Recheck = isLenient ? now + ResolveTime : long.MaxValue;
        qube.NextExpiry = qube.Rules.NextExpiry(time.UnixTime);
        for (int i = 0; i < _table.Capacity; i++)
        {
            ref FlowRecord flow = ref _table[i];
            if (flow.Check != 0 && flow.From == number
                && !qube.Rules.StillAllows(flow.Original, flow.IcmpType, flow.Kind is FlowKind.Between or FlowKind.Hairpin, isLenient, time))
            {
                End(i);
            }
        }
    }

    /// <summary>Puts flows that were found in memory on their lists. One end of most is the uplink; the others wait for a qube.</summary>
    private void Restore()
    {
        for (int i = 0; i < _table.Capacity; i++)
        {
            ref FlowRecord flow = ref _table[i];
            _mapping[i] = SourceNat.NoMapping;
            if (flow.Check == 0)
            {
                continue;
            }

            flow.From = flow.Kind == FlowKind.Inbound ? (short)FlowDecision.Uplink : FlowRecord.Unattached;
            flow.To = flow.Kind == FlowKind.Outbound ? (short)FlowDecision.Uplink : FlowRecord.Unattached;
            _mapping[i] = flow.Kind is FlowKind.Outbound or FlowKind.Hairpin ? _nat.Restore(flow.Original, flow.Reply) : SourceNat.NoMapping;
            _shares.Add(i, OwnerIndex(flow.Owner), RankOf(flow));
        }
    }
}
