using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using Makatea.Tests.Net;
using Makatea.Tests.Traffic;

namespace Makatea.NetStack.Tests;

/// <summary>Fragments are put together before anything is asked of rules, and cut again.</summary>
public sealed class FragmentTests
{
    [Fact]
    public void Whatever_order_they_come_in_the_whole_goes_on() => Prop.ForAll((int seed) =>
    {
        using var bed = new RouterBed();
        var random = new Random(seed);
        bool isIPv6 = random.Next(2) == 0;
        byte[] payload = new byte[random.Next(100, random.Next(2) == 0 ? 60_000 : 5000)];
        random.NextBytes(payload);
        TestPacket packet = RouterBed.From(0, 17, isIPv6) with { Payload = payload, Fragment = 0 };
        List<byte[]> fragments = Cut(packet, 8 * random.Next(128, 182), (uint)random.Next());
        random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(fragments));
        foreach (byte[] fragment in fragments)
        {
            Assert.Empty(bed.TakeSent(RouterBed.Up));
            bed.Arrive(0, fragment);
        }

        List<SentFrame> sent = bed.TakeSent(RouterBed.Up);
        byte[] whole = sent.Count == 1 ? sent[0].Bytes : Join(sent);
        TestPacket.AssertRight(whole);
        Assert.Equal(payload, whole[packet.HeaderLength..]);
        Assert.All(sent, f => Assert.True(f.Bytes.Length - 14 <= Math.Max(1500, 0)));
        Assert.Equal(isIPv6 ? RouterBed.External6 : RouterBed.External4, PassingTests.Source(whole));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_same_fragment_twice_does_no_harm()
    {
        using var bed = new RouterBed();
        List<byte[]> fragments = Cut(RouterBed.From(0) with { Payload = new byte[3000], Fragment = 0 }, 1400, 1);
        bed.Arrive(0, fragments[0]);
        bed.Arrive(0, fragments[0]);
        bed.Arrive(0, fragments[1]);
        bed.Arrive(0, fragments[2]);
        Assert.Equal(3, bed.TakeSent(RouterBed.Up).Count);
        Assert.Equal(1ul, bed.Router.Dropped(0, DropReason.BadFragment));
    }

    /// <summary>[RFC 5722]: what overlaps ends its datagram, so that nobody can show the rules other ports than the receiver sees.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fragments_that_overlap_end_their_datagram(bool isIPv6)
    {
        using var bed = new RouterBed();
        TestPacket packet = RouterBed.From(0, 17, isIPv6) with { Payload = new byte[3000], Fragment = 0 };
        List<byte[]> fragments = Cut(packet, 1400, 1);
        List<byte[]> others = Cut(packet, 1000, 1);
        bed.Arrive(0, fragments[0]);
        bed.Arrive(0, others[1]);
        bed.Arrive(0, fragments[1]);
        bed.Arrive(0, fragments[2]);
        bed.AssertSilence();
        Assert.Equal(1ul, bed.Router.Dropped(0, DropReason.BadFragment));
        bed.Now += 31_000;
        bed.Run();
        Assert.Equal(3ul, bed.Router.Dropped(0, DropReason.LostFragment));
    }

    [Fact]
    public void First_fragments_without_transport_header_and_others_within_it_are_refused()
    {
        using var bed = new RouterBed(knowsNextHop: false);
        TestPacket packet = RouterBed.From(0, 6) with { Payload = new byte[100], Fragment = 0 };
        foreach (byte[] fragment in Cut(packet, 8, 1)[..3])
        {
            bed.Arrive(0, fragment);
        }

        // [RFC 1858], [RFC 3128].
        Assert.Equal(3ul, bed.Router.Dropped(0, DropReason.BadFragment));
        bed.AssertSilence();
    }

    [Fact]
    public void Datagrams_longer_than_can_be_are_refused()
    {
        using var bed = new RouterBed(knowsNextHop: false);
        bed.Arrive(0, RouterBed.From(0) with { Fragment = 0x1fff, Raw = new byte[100] });
        bed.AssertDropped(0, DropReason.BadFragment);
    }

    [Fact]
    public void Ends_that_contradict_each_other_end_their_datagram()
    {
        using var bed = new RouterBed(knowsNextHop: false);
        bed.Arrive(0, RouterBed.From(0) with { Fragment = 100, Raw = new byte[100] });
        bed.Arrive(0, RouterBed.From(0) with { Fragment = 200, Raw = new byte[100] });
        Assert.Equal(1ul, bed.Router.Dropped(0, DropReason.BadFragment));
        Assert.Equal(1ul, bed.Router.Dropped(0, DropReason.LostFragment));
    }

    [Fact]
    public void A_fragment_that_is_all_of_its_datagram_passes()
    {
        using var bed = new RouterBed();
        bed.Arrive(0, RouterBed.From(0, 17, isIPv6: true) with { FirstExtension = 44, Options = [17, 0, 0, 0, 0, 0, 0, 9] });
        TestPacket.AssertRight(bed.TakeOne(RouterBed.Up).Bytes);
    }

    [Fact]
    public void Rules_are_asked_of_the_whole()
    {
        using var bed = new RouterBed("action=accept proto=udp dstports=80");
        TestPacket packet = RouterBed.From(0) with { DestinationPort = 81, Payload = new byte[3000], Fragment = 0 };
        Cut(packet, 1400, 1).ForEach(f => bed.Arrive(0, f));
        Assert.Equal(1ul, bed.Router.Dropped(0, DropReason.Rejected));
        Cut(packet with { DestinationPort = 80 }, 1400, 2).ForEach(f => bed.Arrive(0, f));
        Assert.Equal(3, bed.TakeSent(RouterBed.Up).Count);
    }

    [Fact]
    public void From_outside_they_are_put_together_too()
    {
        using var bed = new RouterBed();
        bed.Arrive(0, RouterBed.From(0));
        byte[] sent = bed.TakeOne(RouterBed.Up).Bytes;
        TestPacket answer = RouterBed.FromOutside() with
        {
            DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(sent.AsSpan(34)),
            Payload = ForwardingTests.Bytes(4000),
            Fragment = 0,
        };
        Cut(answer, 1480, 77).ForEach(f => bed.Arrive(RouterBed.Up, f));
        byte[] whole = Join(bed.TakeSent(0));
        TestPacket.AssertRight(whole);
        Assert.Equal(answer.Payload, whole[42..]);
    }

    /// <summary>Who sends nothing but first fragments holds no more than its share, and others' datagrams become whole.</summary>
    [Fact]
    public void A_flood_of_fragments_is_bounded_and_stays_its_sender_s()
    {
        using var bed = new RouterBed();
        int free = bed.Frames.Available;
        List<byte[]> others = Cut(RouterBed.From(1) with { Payload = new byte[3000], Fragment = 0 }, 1400, 1);
        bed.Arrive(1, others[0]);
        for (int i = 0; i < 5000; i++)
        {
            bed.Arrive(0, Cut(RouterBed.From(0) with { Payload = new byte[1400], Fragment = 0 }, 1000, (uint)i)[0]);
            bed.Arrive(0, RouterBed.From(0) with { Fragment = (ushort)(0x2000 | ((8 + (i * 8)) & 0xfff)), Raw = new byte[64], Identification = 60_000 });
        }

        Assert.InRange(free - bed.Frames.Available, 2, Reassembler.MaxBuffers + 1);
        bed.Arrive(1, others[1]);
        bed.Arrive(1, others[2]);
        Assert.Equal(3, bed.TakeSent(RouterBed.Up).Count);
        bed.Now += 40_000;
        bed.Run();
        Assert.Equal(free, bed.Frames.Available);
    }

    /// <summary>Cuts a packet in the way of any host.</summary>
    internal static List<byte[]> Cut(TestPacket packet, int size, uint identification)
    {
        byte[] frame = packet.Build();
        byte[] data = frame[packet.TransportOffset..];
        var fragments = new List<byte[]>();
        for (int at = 0; at < data.Length; at += size)
        {
            byte[] piece = data[at..Math.Min(at + size, data.Length)];
            bool isLast = at + size >= data.Length;
            byte[] extension = [packet.Protocol, 0, (byte)(at >> 8), (byte)(at | (isLast ? 0 : 1)), 0, 0, 0, 0];
            BinaryPrimitives.WriteUInt32BigEndian(extension.AsSpan(4), identification);
            fragments.Add((packet.IsIPv6
                ? packet with { Raw = piece, FirstExtension = 44, Options = extension }
                : packet with { Raw = piece, Identification = (ushort)identification, Fragment = (ushort)((at / 8) | (isLast ? 0 : 0x2000)) }).Build());
        }

        return fragments;
    }

    /// <summary>Puts fragments, in order and without options, together in the plainest way.</summary>
    internal static byte[] Join(List<SentFrame> fragments)
    {
        bool isIPv6 = fragments[0].Bytes[12] == 0x86;
        int header = isIPv6 ? 62 : 34;
        var data = new List<byte>();
        foreach (SentFrame fragment in fragments)
        {
            ReadOnlySpan<byte> bytes = fragment.Bytes;
            int offset = isIPv6 ? BinaryPrimitives.ReadUInt16BigEndian(bytes[56..]) & 0xfff8 : (BinaryPrimitives.ReadUInt16BigEndian(bytes[20..]) & 0x1fff) * 8;
            Assert.Equal(data.Count, offset);
            bool hasMore = (isIPv6 ? bytes[57] & 1 : bytes[20] & 0x20) != 0;
            Assert.Equal(fragment != fragments[^1], hasMore);
            if (!isIPv6)
            {
                Assert.Equal(0xffff, InternetChecksum.Sum(bytes[14..34]));
            }

            data.AddRange(bytes[header..]);
        }

        byte[] whole = [.. fragments[0].Bytes[..(isIPv6 ? 54 : 34)], .. data];
        if (isIPv6)
        {
            whole[20] = fragments[0].Bytes[54];
            BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(18), (ushort)data.Count);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(16), (ushort)(20 + data.Count));
            whole[20] = whole[21] = whole[24] = whole[25] = 0;
            BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(24), (ushort)~InternetChecksum.Sum(whole.AsSpan(14, 20)));
        }

        return whole;
    }
}
