using Makatea.Platform;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

/// <summary>What the router says unasked, so that nobody waits a second to ask again what a domain did not hear that was away.</summary>
public sealed class AnnouncementTests
{
    private static readonly NetPortInfo _down = new() { Address = RouterBed.UplinkMac, IsLinkUp = false, MaxSegments = 64 };

    [Fact]
    public void A_qube_whose_link_comes_up_is_told_where_its_router_is()
    {
        using var bed = new RouterBed(guest: _down);
        bed.Now += 5000;
        bed.Run();
        Assert.Empty(bed.TakeSent(RouterBed.A));
        bed.Bed.Ports[RouterBed.A].Change(_down with { IsLinkUp = true });
        bed.Guests[RouterBed.A].IsStale = true;
        bed.Run();
        Assert.Empty(bed.TakeSent(RouterBed.A));

        // It may not send yet when it hears the first.
        foreach (int delay in new[] { 20, 60, 320, 1600 })
        {
            bed.Now += delay - 1;
            bed.Run();
            Assert.Empty(bed.TakeSent(RouterBed.A));
            bed.Now++;
            bed.Run();
            List<SentFrame> sent = bed.TakeSent(RouterBed.A);
            Assert.Equal(2, sent.Count);
            Arp.AssertReply(sent[0].Bytes, RouterBed.GatewayMac, RouterBed.Gateway4, RouterBed.Macs[0], RouterBed.Qubes4[0]);
            AssertAdvertised(sent[1].Bytes, RouterBed.GatewayMac, RouterBed.Gateway6);
        }

        bed.Now += 10_000;
        bed.Run();
        Assert.Empty(bed.TakeSent(RouterBed.A));
        Assert.Empty(bed.TakeSent(RouterBed.B));
    }

    [Fact]
    public void A_link_that_goes_again_is_told_nothing()
    {
        using var bed = new RouterBed(guest: _down);
        foreach (bool isUp in new[] { true, false })
        {
            bed.Bed.Ports[RouterBed.B].Change(_down with { IsLinkUp = isUp });
            bed.Guests[RouterBed.B].IsStale = true;
            bed.Run();
        }

        bed.Now += 10_000;
        bed.Run();
        Assert.Empty(bed.TakeSent(RouterBed.A));
        Assert.Empty(bed.TakeSent(RouterBed.B));
    }

    [Fact]
    public void The_uplink_hears_of_addresses_that_are_new_and_after_its_link_was_down()
    {
        using var bed = new RouterBed(hasAddress: false);
        bed.Now += 5000;
        bed.Run();
        Assert.Empty(bed.TakeSent(RouterBed.Up));
        bed.Router.SetUplink(RouterBed.Addresses);
        AssertAnnounced(bed);
        bed.Bed.Ports[RouterBed.Up].Change(_down);
        bed.Uplink.IsStale = true;
        bed.Run();
        bed.Bed.Ports[RouterBed.Up].Change(_down with { IsLinkUp = true });
        bed.Uplink.IsStale = true;
        bed.Run();
        AssertAnnounced(bed);
    }

    private static void AssertAnnounced(RouterBed bed)
    {
        foreach (int delay in new[] { 20, 60, 320, 1600 })
        {
            bed.Now += delay;
            bed.Run();
            List<SentFrame> sent = bed.TakeSent(RouterBed.Up);
            Assert.Equal(2, sent.Count);
            Assert.Equal(Arp.Request(RouterBed.UplinkMac, RouterBed.External4, RouterBed.External4)[..42], sent[0].Bytes);
            AssertAdvertised(sent[1].Bytes, RouterBed.UplinkMac, RouterBed.External6);
        }

        bed.Now += 10_000;
        bed.Run();
        Assert.Empty(bed.TakeSent(RouterBed.Up));
    }

    /// <summary>To all nodes, not solicited, to replace what was known, by a router.</summary>
    private static void AssertAdvertised(byte[] frame, MacAddress from, string address) =>
        Assert.Equal(Nd.Make(136, 0xa0, from, new(0x3333_0000_0001), address, "ff02::1", address, Nd.Option(2, from)).Build(), frame);
}
