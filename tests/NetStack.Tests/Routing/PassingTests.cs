using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

/// <summary>Packets that go through: to the outside and back, between qubes, cut or refused where links carry less.</summary>
public sealed class PassingTests
{
    private static readonly NetPortInfo _plain = new() { Address = RouterBed.UplinkMac, IsLinkUp = true, MaxSegments = 64 };
    private static readonly NetPortInfo _offloading = _plain with { Transmit = (NetOffloads)0x7f, MaxSegmentedLength = FramePool.MaxLength };

    [Theory]
    [InlineData(6, false)]
    [InlineData(6, true)]
    [InlineData(17, false)]
    [InlineData(17, true)]
    [InlineData(1, false)]
    [InlineData(58, true)]
    public void A_qube_reaches_the_outside_as_the_domain_and_is_answered(byte protocol, bool isIPv6)
    {
        using var bed = new RouterBed();
        bed.Arrive(0, RouterBed.From(0, protocol, isIPv6));
        byte[] sent = bed.TakeOne(RouterBed.Up).Bytes;
        TestPacket.AssertRight(sent);
        Assert.Equal(RouterBed.NextHopMac, MacAddress.Read(sent));
        Assert.Equal(RouterBed.UplinkMac, MacAddress.Read(sent.AsSpan(6)));
        Assert.Equal(isIPv6 ? RouterBed.External6 : RouterBed.External4, Source(sent));
        Assert.Equal(63, sent[isIPv6 ? 21 : 22]);

        byte[] answer = Answer(sent);
        bed.Arrive(RouterBed.Up, answer);
        byte[] back = bed.TakeOne(0).Bytes;
        TestPacket.AssertRight(back);
        Assert.Equal(RouterBed.Macs[0], MacAddress.Read(back));
        Assert.Equal(RouterBed.GatewayMac, MacAddress.Read(back.AsSpan(6)));
        Assert.Equal(isIPv6 ? RouterBed.Qubes6[0] : RouterBed.Qubes4[0], Destination(back));
        bed.AssertSilence();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Work_that_was_left_out_is_done_here_or_left_to_the_port(bool isIPv6)
    {
        foreach (NetPortInfo info in (NetPortInfo[])[_plain, _offloading])
        {
            using var bed = new RouterBed(uplink: info);
            bed.Arrive(0, RouterBed.From(0, 6, isIPv6));
            bed.Arrive(RouterBed.Up, Answer(bed.TakeOne(RouterBed.Up).Bytes, 0x12));
            bed.TakeSent(0);
            TestPacket packet = RouterBed.From(0, 6, isIPv6) with { Sequence = 1001, TcpFlags = 0x18, Payload = ForwardingTests.Bytes(20_000), IsPartial = true };
            bed.Arrive(0, packet, new()
            {
                Flags = NetFrameFlags.NeedsChecksum | (isIPv6 ? NetFrameFlags.SegmentTcp6 : NetFrameFlags.SegmentTcp4),
                SegmentSize = 1400,
                ChecksumStart = (ushort)packet.TransportOffset,
                ChecksumOffset = 16,
                HeaderLength = (ushort)packet.HeaderLength,
            });
            List<SentFrame> sent = bed.TakeSent(RouterBed.Up);
            Assert.All(sent, f => Assert.Equal(isIPv6 ? RouterBed.External6 : RouterBed.External4, Source(f.Bytes)));
            if (info == _plain)
            {
                Assert.Equal(15, sent.Count);
                Assert.All(sent, f => TestPacket.AssertRight(f.Bytes));
                Assert.Equal(packet.Payload, sent.SelectMany(f => f.Bytes[packet.HeaderLength..]));
            }
            else
            {
                // The sum of the pseudo header is that of the new addresses.
                byte[] frame = Assert.Single(sent).Bytes;
                TestPacket expected = packet with
                {
                    From = RouterBed.UplinkMac,
                    To = RouterBed.NextHopMac,
                    Source = Source(frame),
                    SourcePort = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(packet.TransportOffset)),
                    HopLimit = 63,
                };
                Assert.Equal(expected.Build(), frame);
            }
        }
    }

    [Theory]
    [InlineData("action=accept", false)]
    [InlineData("action=drop", false)]
    [InlineData("action=accept dst4=10.137.0.6/32;action=drop", true)]
    public void Qubes_reach_each_other_where_a_rule_says_so(string rules, bool isAllowed)
    {
        using var bed = new RouterBed(rules);
        bed.Arrive(0, RouterBed.From(0) with { Destination = RouterBed.Qubes4[1] });
        if (isAllowed)
        {
            byte[] sent = bed.TakeOne(1).Bytes;
            TestPacket.AssertRight(sent);
            Assert.Equal((RouterBed.Qubes4[0], RouterBed.Qubes4[1]), (Source(sent), Destination(sent)));
        }
        else
        {
            AssertError(bed.TakeOne(0).Bytes, 3, 13, RouterBed.Gateway4, RouterBed.Qubes4[0]);
            Assert.Equal(1ul, bed.Router.Dropped(0, DropReason.Rejected));
        }

        bed.AssertSilence();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Hops_are_counted(bool isIPv6)
    {
        using var bed = new RouterBed();
        bed.Arrive(0, RouterBed.From(0, 17, isIPv6) with { HopLimit = 1 });
        AssertError(bed.TakeOne(0).Bytes, isIPv6 ? 3 : 11, 0, isIPv6 ? RouterBed.Gateway6 : RouterBed.Gateway4, isIPv6 ? RouterBed.Qubes6[0] : RouterBed.Qubes4[0]);
        bed.AssertSilence();
        Assert.Equal(1ul, bed.Router.Dropped(0, DropReason.HopLimit));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Packets_larger_than_the_next_link_are_refused_with_its_size(bool isIPv6)
    {
        using var bed = new RouterBed(uplink: _plain with { Mtu = 1400 });
        TestPacket packet = RouterBed.From(0, 17, isIPv6) with { Payload = ForwardingTests.Bytes(1400) };
        bed.Arrive(0, packet);
        byte[] error = bed.TakeOne(0).Bytes;
        AssertError(error, isIPv6 ? 2 : 3, isIPv6 ? 0 : 4, isIPv6 ? RouterBed.Gateway6 : RouterBed.Gateway4, isIPv6 ? RouterBed.Qubes6[0] : RouterBed.Qubes4[0]);
        int icmp = isIPv6 ? 54 : 34;
        Assert.Equal(1400, BinaryPrimitives.ReadInt32BigEndian(error.AsSpan(icmp + 4)));

        // What is quoted is the packet as the qube sent it.
        Assert.Equal(packet.Build()[14..(14 + 500)], error[(icmp + 8)..(icmp + 508)]);
        Assert.True(error.Length - 14 <= (isIPv6 ? 1280 : 576));
        bed.AssertSilence();
    }

    [Fact]
    public void Segments_larger_than_the_next_link_are_refused_too()
    {
        using var bed = new RouterBed(uplink: _offloading with { Mtu = 1400 });
        TestPacket packet = RouterBed.From(0, 6) with { Payload = ForwardingTests.Bytes(5000), IsPartial = true };
        NetFrameOffload offload = new() { Flags = NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentTcp4, SegmentSize = 1361, ChecksumStart = 34, ChecksumOffset = 16 };
        bed.Arrive(0, packet, offload);
        AssertError(bed.TakeOne(0).Bytes, 3, 4, RouterBed.Gateway4, RouterBed.Qubes4[0]);
        bed.Arrive(0, packet, offload with { SegmentSize = 1360 });
        Assert.Single(bed.TakeSent(RouterBed.Up));
    }

    [Fact]
    public void Packets_that_may_be_cut_are()
    {
        using var bed = new RouterBed(uplink: _plain with { Mtu = 600 });
        TestPacket packet = RouterBed.From(0) with { Payload = ForwardingTests.Bytes(1401), Fragment = 0, IsPartial = true };
        bed.Arrive(0, packet, new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 6 });
        List<SentFrame> sent = bed.TakeSent(RouterBed.Up);
        Assert.Equal([596, 596, 277], sent.Select(f => f.Bytes.Length - 14));
        byte[] whole = FragmentTests.Join(sent);
        TestPacket.AssertRight(whole);
        Assert.Equal(packet.Payload, whole[42..]);
        Assert.Equal(RouterBed.External4, Source(whole));
    }

    [Fact]
    public void Padding_goes_no_further()
    {
        using var bed = new RouterBed();
        byte[] frame = RouterBed.From(0).Build();
        bed.Arrive(0, [.. frame, .. ForwardingTests.Bytes(60 - frame.Length)]);
        TestPacket.AssertRight(bed.TakeOne(RouterBed.Up).Bytes);
    }

    [Theory]
    [InlineData("255.255.255.255", DropReason.Group)]
    [InlineData("224.0.0.251", DropReason.Group)]
    [InlineData("127.0.0.1", DropReason.BadAddress)]
    [InlineData("169.254.1.1", DropReason.BadAddress)]
    [InlineData("0.1.2.3", DropReason.BadAddress)]
    [InlineData("240.0.0.1", DropReason.BadAddress)]
    [InlineData("10.137.0.5", DropReason.BadAddress)]
    public void What_may_not_be_sent_on_is_not(string destination, DropReason reason)
    {
        using var bed = new RouterBed(knowsNextHop: false);
        bed.Arrive(0, RouterBed.From(0) with { Destination = destination });
        bed.AssertDropped(0, reason);
    }

    [Theory]
    [InlineData("ff02::fb", DropReason.Group)]
    [InlineData("fe80::1234", DropReason.BadAddress)]
    [InlineData("::1", DropReason.BadAddress)]
    [InlineData("::", DropReason.BadAddress)]
    public void What_may_not_be_sent_on_is_not_of_IPv6_either(string destination, DropReason reason)
    {
        using var bed = new RouterBed(knowsNextHop: false);
        bed.Arrive(0, RouterBed.From(0, isIPv6: true) with { Destination = destination });
        bed.AssertDropped(0, reason);
    }

    [Fact]
    public void A_link_local_address_goes_no_further()
    {
        using var bed = new RouterBed(knowsNextHop: false);
        bed.Arrive(0, RouterBed.From(0, isIPv6: true) with { Source = RouterBed.LinkLocals[0] });
        bed.AssertDropped(0, DropReason.BadAddress);
        bed.Arrive(0, RouterBed.From(0, isIPv6: true) with { Source = RouterBed.LinkLocals[0], Destination = RouterBed.Qubes6[1] });
        Assert.Equal(2ul, bed.Router.Dropped(0, DropReason.BadAddress));
        bed.AssertSilence();
    }

    /// <summary>A packet for one that came in a frame for all ([RFC 1122] 3.3.6).</summary>
    [Fact]
    public void Frames_for_groups_carry_nothing_for_one()
    {
        using var bed = new RouterBed(knowsNextHop: false);
        bed.Arrive(0, RouterBed.From(0) with { To = MacAddress.Broadcast });
        bed.AssertDropped(0, DropReason.Group);
    }

    [Fact]
    public void Source_routes_lead_nowhere()
    {
        using var bed = new RouterBed(knowsNextHop: false);
        bed.Arrive(0, RouterBed.From(0) with { Options = [131, 7, 4, 10, 137, 0, 6, 0] });
        bed.AssertDropped(0, DropReason.SourceRouted);
        bed.Arrive(0, RouterBed.From(0, isIPv6: true) with { FirstExtension = 43, Options = [17, 2, 0, 1, .. new byte[20]] });
        Assert.Equal(2ul, bed.Router.Dropped(0, DropReason.SourceRouted));
        bed.AssertSilence();
    }

    [Fact]
    public void Without_an_address_there_is_no_way_out()
    {
        using var bed = new RouterBed(hasAddress: false);
        bed.Arrive(0, RouterBed.From(0));
        AssertError(bed.TakeOne(0).Bytes, 3, 1, RouterBed.Gateway4, RouterBed.Qubes4[0]);
        Assert.Equal(1ul, bed.Router.Dropped(0, DropReason.NoRoute));
    }

    [Fact]
    public void Limits_hold_for_each_qube()
    {
        using var bed = new RouterBed(link: l => l with { PacketsPerSecond = l.Number == 0 ? 1000 : 0 });
        for (int second = 0; second < 3; second++)
        {
            for (int i = 0; i < 3000; i++)
            {
                bed.Now += i % 3 == 0 ? 1 : 0;
                bed.Bed.Ports[0].Queue.Arrive(RouterBed.From(0).Build());
                bed.Bed.Ports[1].Queue.Arrive(RouterBed.From(1).Build());
                bed.Run();
            }
        }

        List<SentFrame> sent = bed.TakeSent(RouterBed.Up);
        ulong limited = bed.Router.Dropped(0, DropReason.Limited);
        Assert.InRange(9000 - (int)limited, 3000, 3110);
        Assert.Equal(18_000 - (int)limited, sent.Count(f => f.Bytes[12] == 8 && f.Bytes[13] == 0));
        Assert.Equal(0ul, bed.Router.Dropped(1, DropReason.Limited));
    }

    [Fact]
    public void Limits_in_bytes_hold_whatever_the_packets_length()
    {
        using var bed = new RouterBed(link: l => l with { BytesPerSecond = 1_000_000 });
        TestPacket packet = RouterBed.From(0) with { Payload = new byte[1400] };
        for (int i = 0; i < 3000; i++)
        {
            bed.Now += 1;
            bed.Bed.Ports[0].Queue.Arrive(packet.Build());
            bed.Run();
        }

        long bytes = bed.TakeSent(RouterBed.Up).Sum(f => (long)f.Bytes.Length);
        Assert.InRange(bytes, 2_950_000, 3_150_000);
    }

    /// <summary>One frame that is left to cut is as many packets as it becomes.</summary>
    [Fact]
    public void Limits_hold_for_what_a_qube_receives_and_bursts_are_what_they_are_said_to_be()
    {
        using var bed = new RouterBed(rules: "action=accept dst4=10.137.0.6/32;action=accept", guest: _offloading, link: l => l with { ReceivePacketsPerSecond = l.Number == 1 ? 1000 : 0, BurstMilliseconds = 500 });
        TestPacket packet = RouterBed.From(0, 6) with { Destination = RouterBed.Qubes4[1] };
        bed.Arrive(0, packet);
        byte[] answer = PassingTests.Answer(bed.TakeOne(1).Bytes);
        answer.AsSpan(0, 6).Clear();
        RouterBed.GatewayMac.Write(answer);
        RouterBed.Macs[1].Write(answer.AsSpan(6));
        bed.Arrive(1, answer);
        bed.TakeSent(0);
        TestPacket large = packet with { Sequence = 1001, TcpFlags = 0x18, Payload = new byte[9946], IsPartial = true };
        for (int i = 0; i < 200; i++)
        {
            bed.Arrive(0, large, new() { Flags = NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentTcp4, SegmentSize = 1000, ChecksumStart = 34, ChecksumOffset = 16 });
        }

        Assert.InRange(bed.TakeSent(1).Count, 49, 51);
        Assert.InRange(bed.Router.Dropped(0, DropReason.Limited), 149ul, 151ul);
    }

    [Fact]
    public void A_qube_that_is_taken_away_is_no_more_sent_to()
    {
        using var bed = new RouterBed();
        bed.Arrive(0, RouterBed.From(0));
        byte[] answer = Answer(bed.TakeOne(RouterBed.Up).Bytes);
        bed.Bed.Plane.Detach(bed.Guests[0]);
        bed.Arrive(RouterBed.Up, answer);
        Assert.Equal(1ul, bed.Router.Dropped(RouterBed.Up, DropReason.NoRoute));
        Assert.Empty(bed.TakeSent(0));
        ForwardingPort again = bed.Bed.Attach();
        Assert.Equal(0, again.Index);
        bed.Router.ConnectQube(again, new() { Number = 0, Mac = RouterBed.Macs[0], IPv4 = TestPacket.Ip(RouterBed.Qubes4[0]) });
        bed.Arrive(RouterBed.Up, answer);
        Assert.Single(bed.TakeSent(3));
    }

    [Fact]
    public void Addresses_are_had_once()
    {
        using var bed = new RouterBed();
        ForwardingPort port = bed.Bed.Attach();
        foreach (string address in (string[])[RouterBed.Qubes4[0], RouterBed.Gateway4, RouterBed.Dns4, "127.0.0.1"])
        {
            Assert.Throws<ArgumentException>(() => bed.Router.ConnectQube(port, new() { Number = 5, Mac = RouterBed.Macs[0], IPv4 = TestPacket.Ip(address) }));
        }

        Assert.Throws<ArgumentException>(() => bed.Router.ConnectQube(port, new() { Number = 1, Mac = RouterBed.Macs[0], IPv4 = TestPacket.Ip("10.137.0.9") }));
    }

    internal static string Source(byte[] frame) => Address(frame, 12, 8);

    internal static string Destination(byte[] frame) => Address(frame, 16, 24);

    /// <summary>What the one who got a frame sends back.</summary>
    internal static byte[] Answer(byte[] frame, byte tcpFlags = 0x12)
    {
        bool isIPv6 = frame[12] == 0x86;
        int transport = isIPv6 ? 54 : 34;
        byte protocol = frame[isIPv6 ? 20 : 23];
        var packet = new TestPacket
        {
            To = MacAddress.Read(frame.AsSpan(6)),
            From = MacAddress.Read(frame),
            Source = Destination(frame),
            Destination = Source(frame),
            Protocol = protocol,
            SourcePort = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(transport + 2)),
            DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(transport)),
            TcpFlags = tcpFlags,
            Payload = protocol == 6 ? [] : [5, 6, 7],
        };
        if (protocol is 6 or 17)
        {
            byte[] built = packet.Build();
            if (protocol == 6)
            {
                BinaryPrimitives.WriteUInt32BigEndian(built.AsSpan(transport + 8), BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(transport + 4)) + 1);
                built[transport + 16] = built[transport + 17] = 0;
                ReadOnlySpan<byte> addresses = isIPv6 ? built.AsSpan(22, 32) : built.AsSpan(26, 8);
                uint pseudo = Makatea.Tests.Traffic.InternetChecksum.Sum(addresses, (uint)(6 + built.Length - transport));
                BinaryPrimitives.WriteUInt16BigEndian(built.AsSpan(transport + 16), (ushort)~Makatea.Tests.Traffic.InternetChecksum.Sum(built.AsSpan(transport), pseudo));
            }

            return built;
        }

        byte[] echo = [.. frame];
        frame.AsSpan(6, 6).CopyTo(echo);
        frame.AsSpan(0, 6).CopyTo(echo.AsSpan(6));
        int length = isIPv6 ? 16 : 4;
        int at = isIPv6 ? 22 : 26;
        frame.AsSpan(at, length).CopyTo(echo.AsSpan(at + length));
        frame.AsSpan(at + length, length).CopyTo(echo.AsSpan(at));
        echo[transport] = (byte)(isIPv6 ? 129 : 0);
        int sum = BinaryPrimitives.ReadUInt16BigEndian(echo.AsSpan(transport + 2)) + (isIPv6 ? -0x100 : 0x800);
        BinaryPrimitives.WriteUInt16BigEndian(echo.AsSpan(transport + 2), (ushort)(sum < 0 ? sum - 1 : (sum & 0xffff) + (sum >> 16)));
        return echo;
    }

    internal static void AssertError(byte[] frame, int type, int code, string from, string to)
    {
        TestPacket.AssertRight(frame);
        bool isIPv6 = frame[12] == 0x86;
        int icmp = isIPv6 ? 54 : 34;
        Assert.Equal((type, code), (frame[icmp], frame[icmp + 1]));
        Assert.Equal((from, to), (Source(frame), Destination(frame)));
    }

    private static string Address(byte[] frame, int at4, int at6) =>
        (frame[12] == 0x86 ? IpAddress.ReadIPv6(frame.AsSpan(14 + at6)) : IpAddress.ReadIPv4(frame.AsSpan(14 + at4))).ToString();
}
