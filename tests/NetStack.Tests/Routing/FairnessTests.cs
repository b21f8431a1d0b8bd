using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

/// <summary>
/// What a flood from one qube takes from another, in turns of the forwarding thread, which no machine is too slow or too busy for. A turn with a batch of the costliest frames takes a few tens of microseconds.
/// </summary>
public sealed class FairnessTests
{
    private const int Flood = 20_000;

    /// <summary>A packet waits for one batch of the flood at most, and two that send as fast as they can get half each.</summary>
    [Theory]
    [InlineData("syn")]
    [InlineData("flows")]
    [InlineData("arp")]
    [InlineData("fragments")]
    [InlineData("small")]
    public void A_flood_costs_another_at_most_a_batch_for_each_of_its_packets(string kind)
    {
        using var bed = new RouterBed();
        for (int i = 0; i < Flood; i++)
        {
            bed.Bed.Ports[RouterBed.A].Queue.Arrive(FloodFrame(kind, i));
        }

        MemoryQueue work = bed.Bed.Ports[RouterBed.B].Queue;
        MemoryQueue uplink = bed.Bed.Ports[RouterBed.Up].Queue;
        byte[] ping = RouterBed.From(RouterBed.B, protocol: 1).Build();
        for (int i = 0; i < 50; i++)
        {
            // The turn after it came in, wherever in the flood that is; with all that was asked of the flood.
            int waiting = bed.Bed.Ports[RouterBed.A].Queue.Arriving;
            work.Arrive(ping);
            bed.Bed.Plane.Turn(bed.Now);
            Assert.Equal(1, uplink.Sent.Count(IsOfWork));
            Assert.Equal(ForwardingPlane.BatchSize, waiting - bed.Bed.Ports[RouterBed.A].Queue.Arriving);
            uplink.Sent.Clear();
        }

        for (int i = 0; i < 100 * ForwardingPlane.BatchSize; i++)
        {
            work.Arrive(ping);
        }

        for (int i = 0; i < 100; i++)
        {
            bed.Bed.Plane.Turn(bed.Now);
        }

        Assert.Equal(0, work.Arriving);
        Assert.Equal(100 * ForwardingPlane.BatchSize, uplink.Sent.Count(IsOfWork));
        Assert.Equal(Flood - (150 * ForwardingPlane.BatchSize), bed.Bed.Ports[RouterBed.A].Queue.Arriving);
        Assert.Equal(1, bed.Tracker.CountOf(RouterBed.B));

        // The rest of the flood, each frame of which is accounted for.
        bed.Run();
        (int passed, ulong lost) = kind switch
        {
            "arp" => (bed.TakeSent(RouterBed.A).Count, 0ul),
            "fragments" => (0, Waited(bed)),
            _ => (bed.TakeSent(RouterBed.Up).Count(s => !IsOfWork(s)), 0ul),
        };
        Assert.Equal(kind is "arp" or "fragments" ? Flood : Flood - (ForwardingPlane.BatchSize * 50), passed + (int)lost);
        Assert.InRange(bed.Tracker.CountOf(RouterBed.A), kind is "syn" or "flows" ? 512 : 0, 512);
    }

    /// <summary>An uplink that sends eight frames a turn, and has room for fewer than it could: what does not fit waits at the qubes, so that who sends little loses nothing and who sends much gets its share.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public void An_uplink_that_is_too_slow_is_shared(int hurry)
    {
        const int Turns = 5000;
        const int PerTurn = 8;
        using var bed = new RouterBed(uplinkHolds: true);
        MemoryQueue uplink = bed.Bed.Ports[RouterBed.Up].Queue;
        MemoryQueue hostile = bed.Bed.Ports[RouterBed.A].Queue;
        MemoryQueue work = bed.Bed.Ports[RouterBed.B].Queue;
        uplink.Complete(int.MaxValue);
        uplink.Room = 96;
        byte[] small = RouterBed.From(RouterBed.A).Build();
        byte[] ping = RouterBed.From(RouterBed.B, protocol: 1).Build();
        int asked = 0;
        for (int turn = 0; turn < Turns; turn++)
        {
            while (hostile.Arriving < 256)
            {
                hostile.Arrive(small);
            }

            while (hurry == 0 ? turn % 8 == 0 && asked <= turn / 8 : work.Arriving < 256)
            {
                work.Arrive(ping);
                asked++;
            }

            bed.Bed.Plane.Turn(bed.Now);
            uplink.Complete(PerTurn);
        }

        int passed = uplink.Sent.Count(IsOfWork);
        int all = uplink.Sent.Count;
        Assert.InRange(all, (Turns - 50) * PerTurn, Turns * PerTurn + 96);
        if (hurry == 0)
        {
            Assert.True(passed >= asked - 8, $"{passed} of {asked}, {bed.Uplink.Counters.QueueFull} dropped of {all}");
        }
        else
        {
            Assert.InRange(passed, all * 45 / 100, all * 55 / 100);
        }

        hostile.Clear();
        work.Clear();
        uplink.Room = int.MaxValue / 2;
        bed.Run();
        uplink.Complete(int.MaxValue);
        bed.Run();
    }

    private static ulong Waited(RouterBed bed)
    {
        bed.Now += 120_000;
        bed.Run();
        return bed.Router.Dropped(RouterBed.A, DropReason.LostFragment);
    }

    /// <summary>An echo request, which the flood is none of.</summary>
    private static bool IsOfWork(SentFrame sent) => sent.Bytes[23] == 1;

    private static byte[] FloodFrame(string kind, int number) => kind switch
    {
        "syn" => (RouterBed.From(RouterBed.A, 6) with { SourcePort = (ushort)(1024 + (number % 60_000)), DestinationPort = 80 }).Build(),
        "flows" => (RouterBed.From(RouterBed.A) with { SourcePort = (ushort)(1024 + (number % 60_000)), DestinationPort = (ushort)(number >> 8) }).Build(),
        "small" => RouterBed.From(RouterBed.A).Build(),
        "arp" => Arp.Request(RouterBed.Macs[0], RouterBed.Qubes4[0], $"10.137.{number >> 8 & 0xff}.{(number & 0xff) | 0x80}"),
        _ => FirstFragment(number),
    };

    private static byte[] FirstFragment(int number)
    {
        byte[] frame = (RouterBed.From(RouterBed.A) with { Payload = new byte[800] }).Build();
        Span<byte> ip = frame.AsSpan(14, 20);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)number);
        ip[6] = 0x20;
        ip[10..12].Clear();
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~Makatea.Tests.Traffic.InternetChecksum.Sum(ip));
        return frame;
    }
}
