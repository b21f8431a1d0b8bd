using static Makatea.NetStack.Tests.NatBed;

namespace Makatea.NetStack.Tests;

public sealed class SourceNatTests : IDisposable
{
    private readonly NatBed _bed = new();

    public static TheoryData<byte, bool, bool> Protocols
    {
        get
        {
            var data = new TheoryData<byte, bool, bool>();
            foreach (bool isPartial in (bool[])[false, true])
            {
                foreach ((byte protocol, bool isIPv6) in ((byte, bool)[])[(17, false), (6, false), (1, false), (17, true), (6, true), (58, true)])
                {
                    if (!isPartial || protocol is 6 or 17)
                    {
                        data.Add(protocol, isIPv6, isPartial);
                    }
                }
            }

            return data;
        }
    }

    public void Dispose() => _bed.Dispose();

    [Theory]
    [MemberData(nameof(Protocols))]
    public void A_packet_goes_out_as_the_uplinks_and_its_answer_comes_back(byte protocol, bool isIPv6, bool isPartial)
    {
        TestPacket packet = From(0, protocol, isIPv6) with { IsPartial = isPartial, TcpFlags = 2 };
        Seen sent = _bed.Outbound(0, packet);
        Assert.Equal((FlowVerdict.Forward, FlowDecision.Uplink), (sent.Verdict, sent.Qube));
        Assert.Equal((isIPv6 ? External6 : External4, packet.Destination), (sent.Packet.Source, sent.Packet.Destination));
        Assert.Equal((40_000, packet.DestinationPort), (sent.Packet.SourcePort, sent.Packet.DestinationPort));

        Seen answer = _bed.Inbound(sent.Answer with { TcpFlags = 0x12, Sequence = 7, Acknowledged = packet.Sequence + 6 });
        Assert.Equal((FlowVerdict.Forward, 0), (answer.Verdict, answer.Qube));
        Assert.Equal((packet.Destination, packet.Source), (answer.Packet.Source, answer.Packet.Destination));
        Assert.Equal((1, 1), (_bed.Tracker.Count, _bed.Tracker.CountOf(0)));
    }

    [Fact]
    public void Protocols_without_ports_go_by_address_for_one_qube()
    {
        Seen sent = _bed.Outbound(0, Gre(0));
        Assert.Equal((FlowVerdict.Forward, External4), (sent.Verdict, sent.Packet.Source));
        Seen answer = _bed.Inbound(Gre(0) with { Source = Remote4, Destination = External4 });
        Assert.Equal((FlowVerdict.Forward, Qubes4[0]), (answer.Verdict, answer.Packet.Destination));
        Assert.Equal(FlowVerdict.NoPort, _bed.Outbound(1, Gre(1)).Verdict);
        Assert.Equal(FlowVerdict.Forward, _bed.Outbound(1, Gre(1) with { Destination = "198.51.100.1" }).Verdict);
    }

    [Fact]
    public void What_nobody_asked_for_reaches_the_domain_on_its_own_ports_alone()
    {
        Seen sent = _bed.Outbound(0, From(0));
        TestPacket[] strangers =
        [
            sent.Answer with { SourcePort = 54 }, sent.Answer with { DestinationPort = 40_001 }, sent.Answer with { Source = "93.184.216.35" }, sent.Answer with { Protocol = 6 },
        ];
        Assert.All(strangers, stranger => Assert.Equal(FlowVerdict.Invalid, _bed.Inbound(stranger).Verdict));
        Assert.All((ushort[])[1, 68, 1023, 16_384, 32_767], port => Assert.Equal(FlowVerdict.Local, _bed.Inbound(sent.Answer with { DestinationPort = port }).Verdict));
        Assert.Equal(FlowVerdict.Local, _bed.Inbound(From(0, 1) with { Source = Remote4, Destination = External4 }).Verdict);
        Assert.Equal(FlowVerdict.Local, _bed.Inbound(From(0, 47) with { Source = Remote4, Destination = External4, Raw = new byte[8] }).Verdict);
        Assert.Equal(1, _bed.Tracker.Count);
    }

    [Fact]
    public void A_port_stands_for_one_qubes_port_whoever_it_talks_to()
    {
        ushort first = _bed.Outbound(0, From(0)).Packet.SourcePort;
        ushort second = _bed.Outbound(1, From(1)).Packet.SourcePort;
        Assert.Equal(40_000, first);
        Assert.NotEqual(first, second);
        AssertForQubes(second);
        for (int i = 0; i < 50; i++)
        {
            string remote = $"198.51.100.{i}";
            Assert.Equal(first, _bed.Outbound(0, From(0) with { Destination = remote }).Packet.SourcePort);
            Assert.Equal(second, _bed.Outbound(1, From(1) with { Destination = remote }).Packet.SourcePort);
        }

        // Answers find the qube by the port.
        Assert.Equal(1, _bed.Inbound(_bed.Outbound(1, From(1)).Answer).Qube);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(68)]
    [InlineData(1023)]
    [InlineData(16_384)]
    [InlineData(32_767)]
    public void The_domains_own_ports_are_left_alone(ushort port)
    {
        foreach (byte protocol in (byte[])[1, 6, 17])
        {
            Seen sent = _bed.Outbound(0, From(0, protocol) with { SourcePort = port, TcpFlags = 2 });
            AssertForQubes(sent.Packet.SourcePort);
            Assert.Equal(port, PortOf(_bed.Inbound(sent.Answer with { TcpFlags = 0x12, Acknowledged = 1006 }).Packet));
        }
    }

    [Fact]
    public void Free_ports_are_found_until_nearly_all_are_used()
    {
        var options = new ConnectionTrackerOptions { Secret = 9, Flows = 70_000, FlowsPerQube = 70_000, Qubes = 3 };
        using var bed = new NatBed(options: options);
        var ports = new HashSet<ushort>();
        for (int i = 0; i < 65_000; i++)
        {
            // Distinct ports of one qube and then of another, all to one peer.
            Seen sent = bed.Outbound(i / 40_000, From(i / 40_000) with { SourcePort = (ushort)(1024 + (i % 40_000)) });
            if (sent.Verdict == FlowVerdict.NoPort)
            {
                break;
            }

            Assert.True(ports.Add(sent.Packet.SourcePort));
        }

        Assert.InRange(ports.Count, 44_000, 65_536 - 1024 - 16_384);
        Assert.All(ports, AssertForQubes);
        Assert.Equal(FlowVerdict.NoPort, Enumerable.Range(0, 5000).Select(i => bed.Outbound(2, From(2) with { SourcePort = (ushort)(2000 + i) }).Verdict).FirstOrDefault(v => v == FlowVerdict.NoPort));

        // To another peer ports serve once more.
        Assert.Equal(FlowVerdict.Forward, bed.Outbound(2, From(2) with { Destination = "198.51.100.1", SourcePort = 30_000 }).Verdict);
    }

    /// <summary>Ports that are drawn differ from run to run, as the secret does, and do not follow each other.</summary>
    [Fact]
    public void Drawn_ports_are_not_foreseeable()
    {
        ushort[] Drawn(uint secret)
        {
            using var bed = new NatBed(options: new() { Secret = secret, Flows = 256, FlowsPerQube = 128, Qubes = 3 });
            return [.. Enumerable.Range(0, 100).Select(i => bed.Outbound(0, From(0) with { SourcePort = (ushort)i }).Packet.SourcePort)];
        }

        ushort[] one = Drawn(1);
        Assert.True(one.Intersect(Drawn(2)).Count() < 10);
        Assert.True(one.Zip(one.Skip(1)).Select(pair => pair.Second - pair.First).Distinct().Count() > 90);
        Assert.True(one.Distinct().Count() == 100 && one.Max() > 60_000 && one.Min() < 16_384);
    }

    [Fact]
    public void Udp_without_checksum_stays_without()
    {
        byte[] datagram = [0x9c, 0x40, 0, 53, 0, 9, 0, 0, 42];
        byte[] frame = (From(0) with { Raw = datagram }).Build();
        var packet = new FlowPacket { Bytes = frame.AsSpan(14), Length = frame.Length - 14, Protocol = 17, TransportOffset = 20 };
        FlowDecision decision = _bed.Tracker.Outbound(0, packet, _bed.Now);
        _bed.Tracker.Translate(decision, packet);
        Assert.Equal(datagram, frame[34..]);
        Assert.Equal(External4, IpAddress.ReadIPv4(frame.AsSpan(26)).ToString());
    }

    [Fact]
    public void Flows_end_with_the_address_that_they_use()
    {
        _bed.Outbound(0, From(0));
        _bed.Outbound(0, From(0, isIPv6: true));
        _bed.Tracker.SetUplink(null, TestPacket.Ip(External6));
        Assert.Equal(2, _bed.Tracker.Count);
        Assert.Equal(FlowVerdict.NoAddress, _bed.Outbound(0, From(0) with { SourcePort = 2000 }).Verdict);
        _bed.Tracker.SetUplink(TestPacket.Ip("192.0.2.8"), TestPacket.Ip(External6));
        Assert.Equal(1, _bed.Tracker.Count);
        Assert.Equal("192.0.2.8", _bed.Outbound(0, From(0)).Packet.Source);
    }

    private static void AssertForQubes(ushort port) => Assert.True(port >= 1024 && port is not (>= EphemeralPorts.First and <= EphemeralPorts.Last), $"port {port}");

    private static ushort PortOf(TestPacket answer) => answer.Protocol == 1 ? answer.SourcePort : answer.DestinationPort;

    private static TestPacket Gre(int qube) => From(qube, 47) with { Raw = [0, 0, 8, 0, 1, 2, 3, 4] };
}
