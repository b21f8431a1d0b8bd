using static Makatea.NetStack.Tests.NatBed;

namespace Makatea.NetStack.Tests;

/// <summary>The firewall in the tracker: new flows are asked for, and those that are there when rules change.</summary>
public sealed class FirewallChangeTests : IDisposable
{
    private readonly NatBed _bed = new("action=accept proto=udp dstports=53;action=accept proto=icmp;action=drop");

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void Only_what_rules_allow_begins_a_flow()
    {
        Assert.Equal(FlowVerdict.Forward, _bed.Outbound(0, From(0)).Verdict);
        Assert.Equal(FlowVerdict.Forward, _bed.Outbound(0, From(0, 1)).Verdict);
        Assert.Equal(FlowVerdict.Forward, _bed.Outbound(0, From(0, 58, isIPv6: true)).Verdict);
        Assert.Equal(FlowVerdict.Rejected, _bed.Outbound(0, From(0) with { DestinationPort = 54 }).Verdict);
        Assert.Equal(FlowVerdict.Rejected, _bed.Outbound(0, From(0, 6) with { TcpFlags = 2 }).Verdict);
        Assert.Equal(FlowVerdict.Rejected, _bed.Outbound(0, From(0, 6)).Verdict);
        Assert.Equal(3, _bed.Tracker.Count);
    }

    [Fact]
    public void When_rules_change_what_they_allow_goes_on_and_the_rest_ends()
    {
        Seen kept = _bed.Outbound(0, From(0));
        Seen ended = _bed.Outbound(0, From(0) with { Destination = "1.1.1.1" });
        Seen others = _bed.Outbound(1, From(1) with { Destination = "1.1.1.1" });
        _bed.Tracker.SetRules(0, _bed.Rules($"action=accept dst4={Remote4}"), _bed.Now);
        Assert.Equal(2, _bed.Tracker.Count);
        Assert.Equal(FlowVerdict.Forward, _bed.Inbound(kept.Answer).Verdict);
        Assert.Equal(FlowVerdict.Invalid, _bed.Inbound(ended.Answer).Verdict);
        Assert.Equal(FlowVerdict.Forward, _bed.Inbound(others.Answer).Verdict);
        Assert.Equal(FlowVerdict.Rejected, _bed.Outbound(0, From(0) with { Destination = "1.1.1.1" }).Verdict);
        Assert.Equal(FlowVerdict.Forward, _bed.Outbound(0, From(0) with { SourcePort = 2000 }).Verdict);
    }

    [Fact]
    public void A_flow_ends_with_the_rule_that_allowed_it()
    {
        _bed.Tracker.SetTime(500_000, _bed.Now);
        _bed.Tracker.SetRules(0, _bed.Rules("action=accept proto=udp expire=520"), _bed.Now);
        _bed.Outbound(0, From(0));
        _bed.Tracker.Tick(_bed.Now + 19_000);
        Assert.Equal(1, _bed.Tracker.Count);
        _bed.Tracker.Tick(_bed.Now + 21_000);
        Assert.Equal(0, _bed.Tracker.Count);
    }

    [Fact]
    public void Qubes_talk_to_each_other_only_where_a_rule_names_the_other()
    {
        TestPacket packet = From(0) with { Destination = Qubes4[1] };
        Assert.Equal(FlowVerdict.Rejected, _bed.Between(0, 1, packet).Verdict);
        _bed.Tracker.SetRules(0, _bed.Rules($"action=accept dst4={Qubes4[1]} proto=udp"), _bed.Now);
        Seen sent = _bed.Between(0, 1, packet);
        Assert.Equal((FlowVerdict.Forward, 1, Qubes4[0]), (sent.Verdict, sent.Qube, sent.Packet.Source));
        Seen answer = _bed.Between(1, 0, sent.Answer);
        Assert.Equal((FlowVerdict.Forward, 0), (answer.Verdict, answer.Qube));

        // It is the first's to begin, and a third cannot put itself in the second's place.
        Assert.Equal(FlowVerdict.Rejected, _bed.Between(1, 0, sent.Answer with { SourcePort = 54 }).Verdict);
        Assert.Equal(FlowVerdict.Invalid, _bed.Between(2, 0, sent.Answer).Verdict);
        _bed.Tracker.SetRules(0, _bed.Rules("action=accept"), _bed.Now);
        Assert.Equal(0, _bed.Tracker.Count);
        Assert.Equal(FlowVerdict.Rejected, _bed.Between(1, 0, sent.Answer).Verdict);
    }

    [Fact]
    public void Echo_is_asked_by_who_may_and_answered_by_the_other()
    {
        _bed.Tracker.SetRules(0, _bed.Rules($"action=accept dst4={Qubes4[1]} proto=icmp icmptype=8"), _bed.Now);
        Seen ping = _bed.Between(0, 1, From(0, 1) with { Destination = Qubes4[1], SourcePort = 0 });
        Assert.Equal(FlowVerdict.Forward, _bed.Between(1, 0, ping.Answer).Verdict);

        // With the identifier 0 a request of the other looks like an answer.
        Assert.Equal(FlowVerdict.Invalid, _bed.Between(1, 0, ping.Answer with { IcmpType = 8 }).Verdict);
        Assert.Equal(FlowVerdict.Rejected, _bed.Between(1, 0, ping.Answer with { IcmpType = 8, SourcePort = 7 }).Verdict);
        Assert.Equal(FlowVerdict.Invalid, _bed.Between(1, 0, ping.Answer with { SourcePort = 8 }).Verdict);
    }

    [Fact]
    public void A_qube_that_is_not_attached_may_nothing()
    {
        _bed.Tracker.Detach(0);
        Assert.Equal(FlowVerdict.Rejected, _bed.Outbound(0, From(0)).Verdict);
        Assert.Throws<InvalidOperationException>(() => _bed.Tracker.SetRules(0, _bed.Rules("action=accept"), _bed.Now));
        Assert.Throws<InvalidOperationException>(() => _bed.Attach(1));
    }

    [Fact]
    public void Services_of_the_domain_are_reached_as_rules_allow()
    {
        _bed.Tracker.SetRules(0, _bed.Rules("action=accept specialtarget=dns"), _bed.Now);
        Assert.Equal(FlowVerdict.Forward, Ask(From(0) with { Destination = "10.139.1.1" }));
        Assert.Equal(FlowVerdict.Forward, Ask(From(0, 6) with { Destination = "10.139.1.2" }));
        Assert.Equal(FlowVerdict.Rejected, Ask(From(0) with { Destination = "10.139.1.3" }));
        Assert.Equal(FlowVerdict.Rejected, Ask(From(0) with { Destination = "10.139.1.1", DestinationPort = 80 }));
        Assert.Equal(0, _bed.Tracker.Count);
    }

    private FlowVerdict Ask(TestPacket packet)
    {
        byte[] frame = packet.Build();
        return _bed.Tracker.ToDomain(0, new() { Bytes = frame.AsSpan(14), Length = frame.Length - 14, Protocol = packet.Protocol, TransportOffset = 20 }, _bed.Now);
    }
}
