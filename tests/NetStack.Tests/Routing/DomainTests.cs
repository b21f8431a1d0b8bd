using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack.Tests;

/// <summary>Packets for the domain itself and from it, and ICMP errors.</summary>
public sealed class DomainTests
{
    [Theory]
    [InlineData(RouterBed.Gateway4, "10.137.0.5")]
    [InlineData(RouterBed.Dns4, "10.137.0.5")]
    [InlineData(RouterBed.Gateway6, "fd09:24ef:4179::a89:5")]
    [InlineData(RouterBed.Gateway6, "fe80::216:3eff:fe5e:6c05")]
    public void Pings_of_the_domain_are_answered(string destination, string source)
    {
        using var bed = new RouterBed();
        TestPacket ping = Ping(source, destination) with { Payload = ForwardingTests.Bytes(56) };
        bed.Arrive(0, ping);
        byte[] answer = bed.TakeOne(0).Bytes;
        TestPacket.AssertRight(answer);
        Assert.Equal((destination, source), (PassingTests.Source(answer), PassingTests.Destination(answer)));
        Assert.Equal(ping.IsIPv6 ? 129 : 0, answer[ping.TransportOffset]);
        Assert.Equal(ping.Build()[(ping.TransportOffset + 4)..], answer[(ping.TransportOffset + 4)..]);
        bed.AssertSilence();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Long_pings_are_answered_in_fragments(bool isIPv6)
    {
        using var bed = new RouterBed();
        TestPacket ping = Ping(isIPv6 ? RouterBed.Qubes6[0] : RouterBed.Qubes4[0], isIPv6 ? RouterBed.Gateway6 : RouterBed.Gateway4) with { Payload = ForwardingTests.Bytes(9000), Fragment = 0 };
        FragmentTests.Cut(ping, 1448, 3).ForEach(f => bed.Arrive(0, f));
        byte[] answer = FragmentTests.Join(bed.TakeSent(0));
        TestPacket.AssertRight(answer);
        Assert.Equal(ping.Payload, answer[ping.HeaderLength..]);
    }

    [Fact]
    public void Pings_from_outside_are_answered()
    {
        using var bed = new RouterBed();
        bed.Arrive(RouterBed.Up, Ping(RouterBed.Outside4, RouterBed.External4) with { From = RouterBed.NextHopMac, To = RouterBed.UplinkMac });
        byte[] answer = bed.TakeOne(RouterBed.Up).Bytes;
        TestPacket.AssertRight(answer);
        Assert.Equal(RouterBed.NextHopMac, MacAddress.Read(answer));
    }

    [Fact]
    public void Services_get_whole_packets_and_answer()
    {
        using var bed = new RouterBed();
        var service = new Service();
        bed.Local.SetReceiver(17, service);
        TestPacket question = RouterBed.From(0) with { Destination = RouterBed.Dns4, Payload = ForwardingTests.Bytes(5000), Fragment = 0 };
        FragmentTests.Cut(question, 1400, 4).ForEach(f => bed.Arrive(0, f));
        (IpPacketInfo info, byte[] payload) = Assert.Single(service.Received);
        Assert.Equal((0, TestPacket.Ip(RouterBed.Qubes4[0]), TestPacket.Ip(RouterBed.Dns4), 17), (info.Port, info.Source, info.Destination, info.Protocol));
        Assert.Equal(question.Build()[34..], payload);

        Assert.True(bed.Router.Send(IIpLayer.AnyPort, info.Destination, info.Source, 17, 64, payload.AsSpan(0, 1000)));
        bed.Run();
        byte[] answer = bed.TakeOne(0).Bytes;
        Assert.Equal(RouterBed.Macs[0], MacAddress.Read(answer));
        Assert.Equal(payload[..1000], answer[34..]);
        Assert.False(bed.Router.Send(IIpLayer.AnyPort, info.Destination, info.Source, 17, 64, payload.AsSpan(0, 1481)));
    }

    [Fact]
    public void Rules_hold_for_the_domain_s_services_too()
    {
        using var bed = new RouterBed("action=accept specialtarget=dns");
        var service = new Service();
        bed.Local.SetReceiver(17, service);
        bed.Arrive(0, RouterBed.From(0) with { Destination = RouterBed.Dns4 });
        Assert.Single(service.Received);
        bed.Arrive(0, RouterBed.From(0) with { Destination = RouterBed.Dns4, DestinationPort = 54 });
        bed.Arrive(0, RouterBed.From(0) with { Destination = RouterBed.Gateway4 });
        Assert.Single(service.Received);
        Assert.Equal(2ul, bed.Router.Dropped(0, DropReason.Rejected));

        // Who has no address yet is heard, whatever the rules.
        bed.Arrive(0, RouterBed.From(0) with { To = MacAddress.Broadcast, Source = "0.0.0.0", Destination = "255.255.255.255", SourcePort = 68, DestinationPort = 67 });
        Assert.Equal(2, service.Received.Count);
    }

    [Fact]
    public void Where_nobody_waits_the_sender_is_told()
    {
        using var bed = new RouterBed();
        bed.Local.SetReceiver(17, new Service { Answer = LocalDelivery.NoPort });
        bed.Arrive(0, RouterBed.From(0) with { Destination = RouterBed.Gateway4 });
        PassingTests.AssertError(bed.TakeOne(0).Bytes, 3, 3, RouterBed.Gateway4, RouterBed.Qubes4[0]);
        bed.Arrive(0, RouterBed.From(0, 6) with { Destination = RouterBed.Gateway4 });
        PassingTests.AssertError(bed.TakeOne(0).Bytes, 3, 2, RouterBed.Gateway4, RouterBed.Qubes4[0]);
        bed.Arrive(0, RouterBed.From(0, 6, isIPv6: true) with { Destination = RouterBed.Gateway6 });
        PassingTests.AssertError(bed.TakeOne(0).Bytes, 4, 1, RouterBed.Gateway6, RouterBed.Qubes6[0]);
        Assert.Equal(3ul, bed.Router.Dropped(0, DropReason.NotServed));
    }

    [Fact]
    public void Offers_of_DHCP_are_heard_before_there_is_an_address()
    {
        using var bed = new RouterBed(hasAddress: false);
        var service = new Service();
        bed.Local.SetReceiver(17, service);
        TestPacket offer = RouterBed.FromOutside() with { SourcePort = 67, DestinationPort = 68, Destination = "192.0.2.50" };
        bed.Arrive(RouterBed.Up, offer);
        bed.Arrive(RouterBed.Up, offer with { Destination = "255.255.255.255", To = MacAddress.Broadcast });
        bed.Arrive(RouterBed.Up, offer with { DestinationPort = 69 });
        Assert.Equal(2, service.Received.Count);

        Assert.True(bed.Router.Send(bed.Uplink.Index, IpAddress.Any4, IpAddress.Broadcast4, 17, 64, [1, 2, 3, 4]));
        bed.Run();
        byte[] sent = bed.TakeOne(RouterBed.Up).Bytes;
        Assert.Equal(MacAddress.Broadcast, MacAddress.Read(sent));
        Assert.Equal(("0.0.0.0", "255.255.255.255"), (PassingTests.Source(sent), PassingTests.Destination(sent)));
        Assert.False(bed.Router.TryRoute(TestPacket.Ip(RouterBed.Outside4), out _, out _));
    }

    /// <summary>A domain in a chain asks the next one by the addresses that it has itself towards its qubes.</summary>
    [Fact]
    public void Packets_for_the_next_domain_leave_whatever_address_it_has()
    {
        using var bed = new RouterBed();
        Assert.True(bed.Router.TryRoute(TestPacket.Ip(RouterBed.Dns4), out int port, out IpAddress source));
        Assert.Equal((RouterBed.Up, TestPacket.Ip(RouterBed.External4)), (port, source));
        bed.Arrive(RouterBed.Up, Ping(RouterBed.Gateway4, RouterBed.External4) with { From = RouterBed.NextHopMac, To = RouterBed.UplinkMac });
        Assert.Single(bed.TakeSent(RouterBed.Up));
    }

    /// <summary>[RFC 1812] 4.3.2.7, [RFC 4443] 2.4 e.</summary>
    [Fact]
    public void Errors_are_not_sent_about_errors_or_to_groups()
    {
        using var bed = new RouterBed();
        TestPacket expired = RouterBed.From(0, 1) with { HopLimit = 1 };
        foreach (byte type in (byte[])[3, 4, 5, 11, 12])
        {
            bed.Arrive(0, expired with { Raw = [type, 0, .. new byte[30]] });
        }

        foreach (byte type in (byte[])[1, 2, 3, 4, 100, 127])
        {
            bed.Arrive(0, RouterBed.From(0, 58, isIPv6: true) with { HopLimit = 1, Raw = [type, 0, .. new byte[50]] });
        }

        bed.Arrive(0, RouterBed.From(0) with { To = MacAddress.Broadcast, HopLimit = 1 });
        bed.AssertSilence();
        bed.Arrive(0, expired);
        Assert.Single(bed.TakeSent(0));
    }

    [Fact]
    public void Errors_are_limited()
    {
        using var bed = new RouterBed(options: new() { IcmpPerSecond = 100 });
        for (int i = 0; i < 5000; i++)
        {
            bed.Now += 1;
            bed.Arrive(0, RouterBed.From(0) with { HopLimit = 1 });
        }

        Assert.InRange(bed.TakeSent(0).Count, 500, 525);
    }

    [Fact]
    public void Routers_news_reach_the_service_and_solicitations_too()
    {
        using var bed = new RouterBed();
        var service = new Service();
        bed.Local.SetReceiver(58, service);
        bed.Arrive(RouterBed.Up, Nd.Make(134, 0, RouterBed.NextHopMac, new(0x3333_0000_0001), RouterBed.NextHop6, "ff02::1", "::", []));
        bed.Arrive(RouterBed.Up, Nd.Make(134, 0, RouterBed.NextHopMac, new(0x3333_0000_0001), RouterBed.Outside6, "ff02::1", "::", []));
        bed.Arrive(RouterBed.Up, Nd.Make(134, 0, RouterBed.NextHopMac, new(0x3333_0000_0001), RouterBed.NextHop6, "ff02::1", "::", []) with { HopLimit = 254 });
        Assert.Single(service.Received);
        bed.Arrive(0, Nd.Make(133, 0, RouterBed.Macs[0], new(0x3333_0000_0002), RouterBed.LinkLocals[0], "ff02::2", "::", []) with { HopLimit = 255 });
        Assert.Single(service.Received);
        TestPacket solicitation = Nd.Make(133, 0, RouterBed.Macs[0], new(0x3333_0000_0002), RouterBed.LinkLocals[0], "ff02::2", "::", []);
        byte[] message = [133, 0, 0, 0, 0, 0, 0, 0, .. Nd.Option(1, RouterBed.Macs[0])];
        Span<byte> addresses = stackalloc byte[32];
        TestPacket.Ip(RouterBed.LinkLocals[0]).Write(addresses);
        TestPacket.Ip("ff02::2").Write(addresses[16..]);
        ushort sum = Makatea.Tests.Traffic.InternetChecksum.Sum(message, Makatea.Tests.Traffic.InternetChecksum.Sum(addresses, (uint)(58 + message.Length)));
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)~sum);
        bed.Arrive(0, solicitation with { Raw = message });
        Assert.Equal(2, service.Received.Count);
    }

    private static TestPacket Ping(string source, string destination) => new()
    {
        From = RouterBed.Macs[0],
        To = RouterBed.GatewayMac,
        Source = source,
        Destination = destination,
        Protocol = (byte)(source.Contains(':', StringComparison.Ordinal) ? 58 : 1),
    };

    private sealed class Service : IIpReceiver
    {
        public List<(IpPacketInfo Info, byte[] Payload)> Received { get; } = [];

        public LocalDelivery Answer { get; init; }

        public LocalDelivery Receive(in IpPacketInfo info, ReadOnlySpan<byte> payload)
        {
            Received.Add((info, payload.ToArray()));
            return Answer;
        }

        public void ReceiveError(in IpErrorInfo error, ReadOnlySpan<byte> quoted)
        {
        }
    }
}
