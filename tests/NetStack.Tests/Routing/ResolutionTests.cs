using Makatea.Platform;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

/// <summary>ARP and neighbour discovery: answered for qubes, which see nothing of each other; asked and answered at the uplink.</summary>
public sealed class ResolutionTests : IDisposable
{
    private readonly RouterBed _bed = new(knowsNextHop: false);

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData("10.137.0.1")]
    [InlineData("10.137.0.6")]
    [InlineData("93.184.216.34")]
    public void A_qube_that_asks_gets_the_domain_s_address_whoever_it_asks_for(string target)
    {
        _bed.Arrive(0, Arp.Request(RouterBed.Macs[0], RouterBed.Qubes4[0], target));
        Arp.AssertReply(_bed.TakeOne(0).Bytes, RouterBed.GatewayMac, target, RouterBed.Macs[0], RouterBed.Qubes4[0]);
        _bed.AssertSilence();
    }

    [Fact]
    public void A_qube_that_probes_finds_its_own_address_free_and_others_taken()
    {
        _bed.Arrive(0, Arp.Request(RouterBed.Macs[0], "0.0.0.0", RouterBed.Qubes4[0]));
        _bed.Arrive(0, Arp.Request(RouterBed.Macs[0], RouterBed.Qubes4[0], RouterBed.Qubes4[0]));
        _bed.AssertSilence();
        _bed.Arrive(0, Arp.Request(RouterBed.Macs[0], "0.0.0.0", RouterBed.Qubes4[1]));
        Assert.Single(_bed.TakeSent(0));
        _bed.Arrive(0, Nd.Solicitation(RouterBed.Macs[0], "::", RouterBed.Qubes6[0], null));
        _bed.Arrive(0, Nd.Solicitation(RouterBed.Macs[0], "::", RouterBed.LinkLocals[0], null));
        _bed.AssertSilence();
        _bed.Arrive(0, Nd.Solicitation(RouterBed.Macs[0], "::", RouterBed.Qubes6[1], null));
        byte[] answer = _bed.TakeOne(0).Bytes;
        Assert.Equal([0x33, 0x33, 0, 0, 0, 1], answer[..6]);
        TestPacket.AssertRight(answer);
    }

    [Theory]
    [InlineData(RouterBed.Gateway6)]
    [InlineData("fd09:24ef:4179::a89:6")]
    [InlineData("2001:db8:1::34")]
    public void A_qube_that_solicits_is_answered_too(string target)
    {
        _bed.Arrive(0, Nd.Solicitation(RouterBed.Macs[0], RouterBed.Qubes6[0], target, RouterBed.Macs[0]));
        byte[] answer = _bed.TakeOne(0).Bytes;
        TestPacket.AssertRight(answer);
        TestPacket expected = Nd.Make(136, 0xe0, RouterBed.GatewayMac, RouterBed.Macs[0], target, RouterBed.Qubes6[0], target, Nd.Option(2, RouterBed.GatewayMac));
        Assert.Equal(expected.Build(), answer);
        _bed.AssertSilence();
    }

    [Fact]
    public void Packets_wait_for_the_next_hop_and_leave_in_order()
    {
        for (int i = 0; i < 3; i++)
        {
            _bed.Arrive(0, RouterBed.From(0) with { Identification = (ushort)i });
        }

        Assert.Equal(Arp.Request(RouterBed.UplinkMac, RouterBed.External4, RouterBed.NextHop4)[..42], _bed.TakeOne(RouterBed.Up).Bytes);
        _bed.Arrive(RouterBed.Up, Arp.Reply(RouterBed.NextHopMac, RouterBed.NextHop4, RouterBed.UplinkMac, RouterBed.External4));
        List<SentFrame> sent = _bed.TakeSent(RouterBed.Up);
        Assert.Equal([0, 1, 2], sent.Select(f => (int)f.Bytes[19]));
        Assert.All(sent, f => Assert.Equal(RouterBed.NextHopMac, MacAddress.Read(f.Bytes)));
    }

    [Fact]
    public void IPv6_waits_likewise()
    {
        _bed.Arrive(0, RouterBed.From(0, isIPv6: true));
        byte[] question = _bed.TakeOne(RouterBed.Up).Bytes;
        Assert.Equal(Nd.Solicitation(RouterBed.UplinkMac, RouterBed.LinkLocal(RouterBed.UplinkMac), RouterBed.NextHop6, RouterBed.UplinkMac).Build(), question);
        _bed.Arrive(RouterBed.Up, Nd.Advertisement(RouterBed.NextHopMac, RouterBed.NextHop6, RouterBed.UplinkMac, RouterBed.LinkLocal(RouterBed.UplinkMac)));
        TestPacket.AssertRight(_bed.TakeOne(RouterBed.Up).Bytes);
    }

    [Fact]
    public void Neighbours_are_asked_themselves_without_a_gateway()
    {
        _bed.Arrive(0, RouterBed.From(0) with { Destination = "192.0.2.55" });
        Assert.Equal(Arp.Request(RouterBed.UplinkMac, RouterBed.External4, "192.0.2.55")[..42], _bed.TakeOne(RouterBed.Up).Bytes);
        _bed.Arrive(RouterBed.Up, Arp.Reply(new(0x0200_0000_0055), "192.0.2.55", RouterBed.UplinkMac, RouterBed.External4));
        Assert.Equal(new MacAddress(0x0200_0000_0055), MacAddress.Read(_bed.TakeOne(RouterBed.Up).Bytes));
    }

    [Fact]
    public void Who_does_not_answer_is_asked_three_times_and_given_up()
    {
        _bed.Arrive(0, RouterBed.From(0));
        int asked = _bed.TakeSent(RouterBed.Up).Count;
        for (int i = 0; i < 10; i++)
        {
            _bed.Now += 1000;
            _bed.Run();
            asked += _bed.TakeSent(RouterBed.Up).Count;
        }

        Assert.Equal(3, asked);
        Assert.Equal(1ul, _bed.Router.Dropped(RouterBed.Up, DropReason.NoNeighbour));
    }

    [Fact]
    public void What_waits_is_bounded()
    {
        for (int i = 0; i < 500; i++)
        {
            _bed.Arrive(0, RouterBed.From(0) with { Destination = $"192.0.2.{10 + (i % 200)}", SourcePort = (ushort)(1000 + i) });
        }

        int held = _bed.Frames.Count - _bed.Frames.Available - (3 * 128);
        Assert.InRange(held, 64, NeighbourCache.MaxBuffers);
        Assert.InRange(_bed.TakeSent(RouterBed.Up).Count, 1, 64);
    }

    /// <summary>Only who was asked is listened to, and who moved is asked once more.</summary>
    [Fact]
    public void Answers_that_nobody_asked_for_change_nothing()
    {
        _bed.Arrive(RouterBed.Up, Arp.Reply(new(0x0200_0000_0666), RouterBed.NextHop4, RouterBed.UplinkMac, RouterBed.External4));
        _bed.Arrive(0, RouterBed.From(0));
        Assert.Equal(0x0806, Type(_bed.TakeOne(RouterBed.Up)));
        _bed.Arrive(RouterBed.Up, Arp.Reply(RouterBed.NextHopMac, RouterBed.NextHop4, RouterBed.UplinkMac, RouterBed.External4));
        _bed.TakeSent(RouterBed.Up);

        _bed.Arrive(RouterBed.Up, Arp.Reply(new(0x0200_0000_0666), RouterBed.NextHop4, RouterBed.UplinkMac, RouterBed.External4));
        Assert.Equal(0x0806, Type(_bed.TakeOne(RouterBed.Up)));
        _bed.Arrive(0, RouterBed.From(0));
        Assert.Equal(RouterBed.NextHopMac, MacAddress.Read(_bed.TakeOne(RouterBed.Up).Bytes));
    }

    [Fact]
    public void A_neighbour_that_went_is_noticed_and_sent_to_meanwhile()
    {
        _bed.Arrive(0, RouterBed.From(0));
        _bed.Arrive(RouterBed.Up, Arp.Reply(RouterBed.NextHopMac, RouterBed.NextHop4, RouterBed.UplinkMac, RouterBed.External4));
        _bed.TakeSent(RouterBed.Up);
        _bed.Now += 31_000;
        _bed.Arrive(0, RouterBed.From(0));
        List<SentFrame> sent = _bed.TakeSent(RouterBed.Up);
        Assert.Equal([0x0806, 0x0800], sent.Select(Type).Order().Reverse());
        Assert.All(sent, f => Assert.Equal(RouterBed.NextHopMac, MacAddress.Read(f.Bytes)));
        for (int i = 0; i < 4; i++)
        {
            _bed.Now += 1000;
            _bed.Run();
        }

        _bed.TakeSent(RouterBed.Up);
        _bed.Arrive(0, RouterBed.From(0));
        Assert.Equal(MacAddress.Broadcast, MacAddress.Read(_bed.TakeOne(RouterBed.Up).Bytes));
    }

    [Fact]
    public void The_uplink_s_own_address_is_answered_for_and_no_other()
    {
        _bed.Arrive(RouterBed.Up, Arp.Request(RouterBed.NextHopMac, RouterBed.NextHop4, RouterBed.External4));
        Arp.AssertReply(_bed.TakeOne(RouterBed.Up).Bytes, RouterBed.UplinkMac, RouterBed.External4, RouterBed.NextHopMac, RouterBed.NextHop4);
        _bed.Arrive(RouterBed.Up, Arp.Request(RouterBed.NextHopMac, RouterBed.NextHop4, RouterBed.Qubes4[0]));
        _bed.AssertSilence();
        _bed.Arrive(RouterBed.Up, Nd.Solicitation(RouterBed.NextHopMac, RouterBed.NextHop6, RouterBed.External6, RouterBed.NextHopMac));
        TestPacket.AssertRight(_bed.TakeOne(RouterBed.Up).Bytes);
        _bed.Arrive(RouterBed.Up, Nd.Solicitation(RouterBed.NextHopMac, RouterBed.NextHop6, RouterBed.Qubes6[0], RouterBed.NextHopMac));
        _bed.AssertSilence();
    }

    private static int Type(SentFrame frame) => (frame.Bytes[12] << 8) | frame.Bytes[13];
}
