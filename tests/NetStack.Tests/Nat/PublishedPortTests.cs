using static Makatea.NetStack.Tests.NatBed;

namespace Makatea.NetStack.Tests;

public sealed class PublishedPortTests : IDisposable
{
    private static readonly PublishedPort _web = new(6, 8080, 8089, TestPacket.Ip(Qubes4[1]), 80);
    private static readonly PublishedPort _game = new(17, 5000, 5000, TestPacket.Ip(Qubes6[0]), 5000);
    private readonly NatBed _bed = new();

    public PublishedPortTests() => _bed.Tracker.Publish([_web, _game]);

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void Who_asks_for_a_published_port_gets_to_the_qube()
    {
        Seen seen = _bed.Inbound(Asked(8083));
        Assert.Equal((FlowVerdict.Forward, 1), (seen.Verdict, seen.Qube));
        Assert.Equal((Remote4, Qubes4[1], 83), (seen.Packet.Source, seen.Packet.Destination, seen.Packet.DestinationPort));
        Seen answer = _bed.Outbound(1, seen.Answer with { TcpFlags = 0x12, Sequence = 5, Acknowledged = 1006 });
        Assert.Equal((FlowVerdict.Forward, FlowDecision.Uplink), (answer.Verdict, answer.Qube));
        Assert.Equal((External4, 8083), (answer.Packet.Source, answer.Packet.SourcePort));
        Assert.Equal(1, _bed.Tracker.CountOf(1));

        TestPacket six = From(0, 17, isIPv6: true) with { Source = Remote6, Destination = External6, DestinationPort = 5000 };
        Assert.Equal(0, _bed.Inbound(six).Qube);
    }

    [Fact]
    public void What_is_not_published_is_not_reached()
    {
        Assert.Equal(FlowVerdict.Invalid, _bed.Inbound(Asked(8079)).Verdict);
        Assert.Equal(FlowVerdict.Invalid, _bed.Inbound(Asked(8090)).Verdict);
        Assert.Equal(FlowVerdict.Invalid, _bed.Inbound(Asked(8083) with { Protocol = 17 }).Verdict);
        Assert.Equal(FlowVerdict.Invalid, _bed.Inbound(From(0, 17) with { Source = Remote4, Destination = External4, DestinationPort = 5000 }).Verdict);

        // Nor by who claims to be a qube.
        Assert.Equal(FlowVerdict.Invalid, _bed.Inbound(Asked(8083) with { Source = Qubes4[0] }).Verdict);
    }

    [Fact]
    public void A_qubes_own_connections_use_its_published_port_and_no_other_qubes_do()
    {
        Assert.Equal(8080, _bed.Outbound(1, From(1, 6) with { SourcePort = 80, TcpFlags = 2 }).Packet.SourcePort);
        Assert.NotEqual(8083, _bed.Outbound(0, From(0, 6) with { SourcePort = 8083, TcpFlags = 2 }).Packet.SourcePort);
        Assert.Equal(8083, _bed.Outbound(0, From(0, 17) with { SourcePort = 8083 }).Packet.SourcePort);
    }

    [Fact]
    public void A_qube_reaches_anothers_published_port_only_where_a_rule_names_it()
    {
        TestPacket asked = From(0, 6) with { Destination = External4, DestinationPort = 8080, TcpFlags = 2 };
        Assert.Equal(FlowVerdict.Rejected, _bed.Outbound(0, asked).Verdict);
        _bed.Tracker.SetRules(0, _bed.Rules($"action=accept dst4={External4}/32 proto=tcp dstports=8080"), _bed.Now);
        Seen seen = _bed.Outbound(0, asked);
        Assert.Equal((FlowVerdict.Forward, 1), (seen.Verdict, seen.Qube));
        Assert.Equal((External4, Qubes4[1], 80), (seen.Packet.Source, seen.Packet.Destination, seen.Packet.DestinationPort));
        Seen answer = _bed.Outbound(1, seen.Answer with { TcpFlags = 0x12, Sequence = 5, Acknowledged = 1006 });
        Assert.Equal((FlowVerdict.Forward, 0), (answer.Verdict, answer.Qube));
        Assert.Equal((External4, 8080, Qubes4[0], 40_000), (answer.Packet.Source, answer.Packet.SourcePort, answer.Packet.Destination, answer.Packet.DestinationPort));
        Assert.Equal(FlowVerdict.Rejected, _bed.Outbound(0, asked with { DestinationPort = 9000 }).Verdict);
    }

    [Fact]
    public void Connections_end_when_their_port_leads_elsewhere()
    {
        _bed.Inbound(Asked(8080));
        _bed.Inbound(Asked(8081));
        _bed.Tracker.Publish([new(6, 8080, 8080, TestPacket.Ip(Qubes4[1]), 80)]);
        Assert.Equal(1, _bed.Tracker.Count);
        Assert.Equal(FlowVerdict.Invalid, _bed.Inbound(Asked(8081)).Verdict);
    }

    [Fact]
    public void A_published_port_of_a_qube_that_is_not_there_leads_nowhere()
    {
        _bed.Tracker.Detach(1);
        Assert.Equal(FlowVerdict.NoQube, _bed.Inbound(Asked(8080)).Verdict);
        _bed.Attach(1);
        Assert.Equal(FlowVerdict.Forward, _bed.Inbound(Asked(8080)).Verdict);
    }

    [Fact]
    public void What_cannot_be_published_is_refused_with_the_reason()
    {
        IpAddress qube = TestPacket.Ip(Qubes4[0]);
        Assert.Contains("protocol 1 ", Assert.Throws<ArgumentException>(() => new PublishedPort(1, 1, 2, qube, 1)).Message);
        Assert.Contains("9 to 8", Assert.Throws<ArgumentException>(() => new PublishedPort(6, 9, 8, qube, 1)).Message);
        Assert.Contains("65535", Assert.Throws<ArgumentException>(() => new PublishedPort(6, 1, 10, qube, 65_530)).Message);
        Assert.Contains("port 8085", Assert.Throws<ArgumentException>(() => _bed.Tracker.Publish([_web, new(6, 8085, 8100, qube, 1)])).Message);
        _bed.Tracker.Publish([_web, new(17, 8085, 8100, qube, 1), new(6, 8085, 8100, TestPacket.Ip(Qubes6[0]), 1)]);
    }

    private static TestPacket Asked(ushort port) => From(0, 6) with { Source = Remote4, Destination = External4, DestinationPort = port, TcpFlags = 2 };
}
