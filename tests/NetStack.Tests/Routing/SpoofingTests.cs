using Makatea.Platform;

namespace Makatea.NetStack.Tests;

/// <summary>A qube cannot lie about who it is.</summary>
public sealed class SpoofingTests : IDisposable
{
    private readonly RouterBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void Frames_from_another_MAC_address() => Dropped(RouterBed.From(0) with { From = RouterBed.Macs[1] }, DropReason.SpoofedMac);

    [Theory]
    [InlineData("10.137.0.6")]
    [InlineData("10.137.0.1")]
    [InlineData("93.184.216.34")]
    [InlineData("0.0.0.0")]
    [InlineData("255.255.255.255")]
    [InlineData("127.0.0.1")]
    public void Packets_from_another_IPv4_address(string source) => Dropped(RouterBed.From(0) with { Source = source }, DropReason.SpoofedIPv4);

    [Theory]
    [InlineData("fd09:24ef:4179::a89:6")]
    [InlineData("fe80::fcff:ffff:feff:ffff")]
    [InlineData("fe80::216:3eff:fe5e:6c06")]
    [InlineData("::1")]
    [InlineData("::")]
    [InlineData("ff02::1")]
    public void Packets_from_another_IPv6_address(string source) => Dropped(RouterBed.From(0, isIPv6: true) with { Source = source }, DropReason.SpoofedIPv6);

    /// <summary>::ffff:a.b.c.d on a wire would be taken for an IPv4 address behind the check.</summary>
    [Fact]
    public void Packets_of_IPv6_with_an_IPv4_address_in_them()
    {
        byte[] frame = RouterBed.From(0, isIPv6: true).Build();
        ((ReadOnlySpan<byte>)[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 137, 0, 5]).CopyTo(frame.AsSpan(22));
        _bed.Arrive(0, frame);
        _bed.AssertDropped(0, DropReason.Malformed);
    }

    [Fact]
    public void Fragments_from_another_address()
    {
        _bed.Arrive(0, RouterBed.From(0) with { Source = "10.137.0.6", Fragment = 0x2000, Raw = new byte[64] });
        _bed.AssertDropped(0, DropReason.SpoofedIPv4);
    }

    [Theory]
    [InlineData(1, "10.137.0.6", false)]
    [InlineData(2, "10.137.0.6", false)]
    [InlineData(2, "10.137.0.1", false)]
    [InlineData(1, "10.137.0.5", true)]
    public void ARP_that_says_what_is_not_so(byte operation, string sender, bool isOtherMac)
    {
        _bed.Arrive(0, Arp.Make(operation, RouterBed.Macs[0], sender, MacAddress.Broadcast, default, "10.137.0.1", isOtherMac ? RouterBed.Macs[1] : null));
        _bed.AssertDropped(0, DropReason.SpoofedArp);
    }

    [Fact]
    public void Advertisements_of_another_s_address()
    {
        _bed.Arrive(0, Nd.Advertisement(RouterBed.Macs[0], RouterBed.Qubes6[0], RouterBed.GatewayMac, RouterBed.Gateway6, option: RouterBed.Macs[1]));
        _bed.AssertDropped(0, DropReason.SpoofedNeighbour);
    }

    [Fact]
    public void Advertisements_for_another_s_address()
    {
        _bed.Arrive(0, Nd.Make(136, 0x60, RouterBed.Macs[0], RouterBed.GatewayMac, RouterBed.LinkLocals[0], RouterBed.Gateway6, RouterBed.Qubes6[1], Nd.Option(2, RouterBed.Macs[0])));
        _bed.AssertDropped(0, DropReason.SpoofedNeighbour);
    }

    [Fact]
    public void Solicitations_with_another_s_address_in_them()
    {
        _bed.Arrive(0, Nd.Solicitation(RouterBed.Macs[0], RouterBed.Qubes6[0], RouterBed.Gateway6, option: RouterBed.Macs[1]));
        _bed.AssertDropped(0, DropReason.SpoofedNeighbour);
    }

    [Theory]
    [InlineData(134)]
    [InlineData(137)]
    public void Routers_news_from_a_qube(byte type)
    {
        _bed.Arrive(0, Nd.Make(type, 0, RouterBed.Macs[0], new(0x3333_0000_0001), RouterBed.LinkLocals[0], "ff02::1", "::", []));
        _bed.AssertDropped(0, DropReason.SpoofedNeighbour);
    }

    /// <summary>The checksum that is left to the port would be written over the source address, after it was checked.</summary>
    [Theory]
    [InlineData(14, 12)]
    [InlineData(34, 16)]
    [InlineData(34, 65_522)]
    [InlineData(26, 0)]
    public void Checksums_that_would_change_what_was_checked(int start, int offset)
    {
        _bed.Arrive(0, RouterBed.From(0).Build(), new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = (ushort)start, ChecksumOffset = (ushort)offset });
        _bed.AssertDropped(0, DropReason.BadOffload);
    }

    [Fact]
    public void Frames_in_a_VLAN()
    {
        _bed.Arrive(0, RouterBed.From(0).Build(), new() { Flags = NetFrameFlags.HasVlanTag, VlanTag = 5 });
        _bed.AssertDropped(0, DropReason.UnknownType);
        _bed.Arrive(0, RouterBed.From(0) with { Vlan = 5 });
        Assert.Equal(2ul, _bed.Router.Dropped(0, DropReason.UnknownType));
        _bed.AssertSilence();
    }

    /// <summary>Nobody outside has a qube's address, or the domain's own.</summary>
    [Theory]
    [InlineData("10.137.0.5", DropReason.SpoofedIPv4)]
    [InlineData("192.0.2.7", DropReason.BadAddress)]
    [InlineData("127.0.0.1", DropReason.BadAddress)]
    [InlineData("224.0.0.1", DropReason.BadAddress)]
    [InlineData("255.255.255.255", DropReason.BadAddress)]
    public void Packets_from_outside_with_an_address_of_the_inside(string source, DropReason reason)
    {
        _bed.Arrive(RouterBed.Up, RouterBed.FromOutside() with { Source = source });
        _bed.AssertDropped(RouterBed.Up, reason);
    }

    [Fact]
    public void A_qube_that_is_not_connected_is_not_heard()
    {
        ForwardingPort port = _bed.Bed.Attach();
        _bed.Arrive(port.Index, RouterBed.From(0));
        _bed.AssertSilence();
    }

    private void Dropped(TestPacket packet, DropReason reason)
    {
        _bed.Arrive(0, packet);
        _bed.AssertDropped(0, reason);
    }
}
