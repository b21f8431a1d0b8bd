namespace Makatea.NetStack;

/// <content>How flows begin and end.</content>
public sealed partial class ConnectionTracker
{
    private const long TickInterval = 100;
    private const int TickFlows = 1024;
    private int _sweep;

    /// <summary>Ends flows whose time is over, some at a time, and those that rules no longer allow. To be called between batches once it is what the last call returned.</summary>
    /// <returns>When it wants to be called again.</returns>
    public long Tick(long now)
    {
        for (int i = Math.Min(TickFlows, _table.Capacity); i > 0; i--)
        {
            ref FlowRecord flow = ref _table[_sweep];
            if (flow.Check != 0 && flow.Deadline <= now)
            {
                End(_sweep);
            }

            _sweep = _sweep + 1 == _table.Capacity ? 0 : _sweep + 1;
        }

        RecheckDue(now);
        return now + TickInterval;
    }

    private static int RankOf(in FlowRecord flow) => flow.State switch
    {
        FlowState.Established => (flow.Flags & FlowFlags.HasReply) != 0 ? FlowShares.Connected : FlowShares.Expendable,
        FlowState.Replied or FlowState.Stream or FlowState.FinWait or FlowState.CloseWait => FlowShares.Answered,
        _ => FlowShares.Expendable,
    };

    /// <summary>The first packet of what may become a flow.</summary>
    private FlowDecision Begin(int sender, int receiver, in TransportHeader header, in TcpSegment segment, long now)
    {
        FlowKey key = header.Key;
        IpAddress? external = key.IsIPv4 ? _external4 : _external6;
        bool isFromUplink = sender == FlowDecision.Uplink;
        bool isPublic = key.Destination == external;
        IpAddress target = key.Destination;
        ushort port = key.DestinationPort;
        if (isPublic && _nat.Published.TryFind(key.IsIPv4, key.Protocol, key.DestinationPort, out target, out port))
        {
            receiver = QubeAt(target);
            if (receiver == FlowRecord.Unattached)
            {
                return new(FlowVerdict.NoQube);
            }
        }
        else if (isFromUplink)
        {
            // A port that may stand for a qube's is none of the domain's: nobody answers there, so that a connection whose flow was lost is not reset before the qube sends again.
            return new(SourceNat.IsOwn(key.DestinationPort) ? FlowVerdict.Local : FlowVerdict.Invalid);
        }
        else if (isPublic)
        {
            return new(FlowVerdict.Rejected);
        }

        var flow = new FlowRecord
        {
            Original = key,
            Kind = isFromUplink ? FlowKind.Inbound : isPublic ? FlowKind.Hairpin : receiver < 0 ? FlowKind.Outbound : FlowKind.Between,
            State = FlowState.Unreplied,
            IcmpType = header.IcmpType,
            Started = now,
            From = (short)sender,
            To = (short)receiver,
            Owner = (short)(isFromUplink ? receiver : sender),
        };
        if (!header.MayBegin || (isFromUplink && QubeAt(key.Source) >= 0) || (key.Protocol == IpProtocol.Tcp && !TcpTracking.TryBegin(ref flow, segment, _options.PickUpTcp)))
        {
            return new(FlowVerdict.Invalid);
        }

        if (!isFromUplink && (_qubes[sender] is not TrackedQube qube || !qube.Rules.Allows(key, header.IcmpType, receiver >= 0, TimeAt(now))))
        {
            return new(FlowVerdict.Rejected);
        }

        FlowVerdict place = MakePlace(flow.Owner);
        return place == FlowVerdict.Forward ? Add(ref flow, target, port, external, now) : new(place);
    }

    private FlowDecision Add(ref FlowRecord flow, IpAddress target, ushort port, IpAddress? external, long now)
    {
        int mapping = SourceNat.NoMapping;
        FlowKey key = flow.Original;
        if (flow.Kind is FlowKind.Outbound or FlowKind.Hairpin)
        {
            if (external is not IpAddress address)
            {
                return new(FlowVerdict.NoAddress);
            }

            if (!_nat.TryMap(key, target, port, address, out flow.Reply, out mapping))
            {
                return new(FlowVerdict.NoPort);
            }
        }
        else
        {
            flow.Reply = (key with { Destination = target, DestinationPort = port }).Reversed;
        }

        if (flow.Reply.Equals(key) || !_table.IsUnused(flow.Reply))
        {
            if (mapping >= 0)
            {
                _mappings.Release(mapping);
            }

            return new(FlowVerdict.Invalid);
        }

        flow.Deadline = now + FlowTimeouts.Of(flow.State, flow.Flags, key.Protocol);
        int index = _table.Add(flow);
        _mapping[index] = mapping;
        _shares.Add(index, flow.Owner, RankOf(flow));
        return new(FlowVerdict.Forward, flow.To, index);
    }

    private FlowVerdict MakePlace(int owner)
    {
        bool isOver = _shares.CountOf(owner) >= _options.FlowsPerQube;
        if (!isOver && !_table.IsFull)
        {
            return FlowVerdict.Forward;
        }

        int victim = isOver ? _shares.VictimOf(owner, FlowShares.Answered) : _shares.VictimFor(owner);
        if (victim < 0)
        {
            return isOver ? FlowVerdict.QubeFull : FlowVerdict.TableFull;
        }

        End(victim);
        return FlowVerdict.Forward;
    }

    private void End(int flow)
    {
        if (_mapping[flow] >= 0)
        {
            _mappings.Release(_mapping[flow]);
        }

        _shares.Remove(flow, OwnerIndex(_table[flow].Owner));
        _table.Remove(flow);
    }

    /// <summary>Flows that wait for their qubes have an owner as well: the one behind the qubes.</summary>
    private int OwnerIndex(short owner) => owner < 0 ? _qubes.Length : owner;
}
