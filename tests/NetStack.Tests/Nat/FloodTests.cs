using System.Buffers.Binary;
using static Makatea.NetStack.Tests.NatBed;

namespace Makatea.NetStack.Tests;

public sealed class FloodTests
{
    private const int Flood = 1_000_000;

    /// <summary>A million flows of one qube, by UDP and by SYN: the other's flows stay, and nothing is allocated.</summary>
    [Theory]
    [InlineData(17)]
    [InlineData(6)]
    public void A_flood_takes_nothing_from_others(byte protocol)
    {
        using var bed = new NatBed(options: new() { Secret = 3, Flows = 4096, FlowsPerQube = 2048, Qubes = 3 });
        for (int i = 0; i < 500; i++)
        {
            Assert.Equal(FlowVerdict.Forward, bed.Outbound(1, From(1, 6) with { SourcePort = (ushort)(2000 + i), TcpFlags = 2 }).Verdict);
        }

        byte[] template = (From(0, protocol) with { TcpFlags = 2 }).Build();
        byte[] frame = new byte[template.Length];
        Send(bed, template, frame, protocol, 10_000, 0);
        long before = GC.GetAllocatedBytesForCurrentThread();
        int sent = Send(bed, template, frame, protocol, Flood, 7919);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(Flood, sent);
        Assert.Equal((2548, 2048, 500), (bed.Tracker.Count, bed.Tracker.CountOf(0), bed.Tracker.CountOf(1)));
        for (int i = 0; i < 500; i++)
        {
            TestPacket answer = From(1, 6) with { Source = Remote4, Destination = External4, SourcePort = 53, DestinationPort = (ushort)(2000 + i), TcpFlags = 0x12, Acknowledged = 1006 };
            Assert.Equal(1, bed.Inbound(answer).Qube);
        }
    }

    [Fact]
    public void A_full_table_is_shared_evenly()
    {
        // Each may have all of it.
        using var bed = new NatBed(options: new() { Secret = 3, Flows = 900, FlowsPerQube = 900, Qubes = 3 });
        for (int i = 0; i < 900; i++)
        {
            Assert.Equal(FlowVerdict.Forward, bed.Outbound(0, From(0) with { SourcePort = (ushort)(2000 + i) }).Verdict);
        }

        for (int qube = 1; qube < 3; qube++)
        {
            for (int i = 0; i < 900; i++)
            {
                Assert.Equal(FlowVerdict.Forward, bed.Outbound(qube, From(qube) with { SourcePort = (ushort)(2000 + i) }).Verdict);
            }
        }

        Assert.Equal(900, bed.Tracker.Count);
        Assert.All(Enumerable.Range(0, 3), qube => Assert.InRange(bed.Tracker.CountOf(qube), 299, 301));
    }

    [Fact]
    public void Unanswered_flows_go_before_answered_ones_and_those_before_connections()
    {
        using var bed = new NatBed(options: new() { Secret = 3, Flows = 64, FlowsPerQube = 30, Qubes = 3 });
        for (int i = 0; i < 10; i++)
        {
            TestPacket syn = From(0, 6) with { SourcePort = (ushort)(2000 + i), TcpFlags = 2, Payload = [] };
            Seen sent = bed.Outbound(0, syn);
            bed.Inbound(sent.Answer with { TcpFlags = 0x12, Sequence = 7, Acknowledged = 1001 });
            bed.Outbound(0, syn with { TcpFlags = 16, Sequence = 1001, Acknowledged = 8 });
            bed.Inbound(bed.Outbound(0, From(0) with { SourcePort = (ushort)(3000 + i) }).Answer);
            bed.Outbound(0, From(0) with { SourcePort = (ushort)(4000 + i) });
        }

        // The limit is reached: ten unanswered make place for ten more, in the order of their age.
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal(FlowVerdict.Forward, bed.Outbound(0, From(0) with { SourcePort = (ushort)(5000 + i) }).Verdict);
            Assert.Equal(9 - i, Living(bed, 17, 4000));
        }

        Assert.Equal((10, 10), (Living(bed, 17, 3000), Living(bed, 6, 2000)));

        // As those are answered, the answered ones go, the silent first; and when there are connections alone, nothing does.
        for (int i = 0; i < 10; i++)
        {
            bed.Inbound(bed.Outbound(0, From(0) with { SourcePort = (ushort)(5000 + i) }).Answer);
        }

        bed.Outbound(0, From(0) with { SourcePort = 6000 });
        Assert.Equal((9, 10, 10), (Living(bed, 17, 3000), Living(bed, 17, 5000), Living(bed, 6, 2000)));
        for (int i = 0; i < 20; i++)
        {
            TestPacket syn = From(0, 6) with { SourcePort = (ushort)(7000 + i), TcpFlags = 2, Payload = [] };
            Seen sent = bed.Outbound(0, syn);
            Assert.Equal(FlowVerdict.Forward, sent.Verdict);
            bed.Inbound(sent.Answer with { TcpFlags = 0x12, Sequence = 7, Acknowledged = 1001 });
            bed.Outbound(0, syn with { TcpFlags = 16, Sequence = 1001, Acknowledged = 8 });
        }

        Assert.Equal(FlowVerdict.QubeFull, bed.Outbound(0, From(0)).Verdict);
        Assert.Equal((10, 20), (Living(bed, 6, 2000), Living(bed, 6, 7000, 20)));
        Assert.Equal(FlowVerdict.Forward, bed.Outbound(1, From(1)).Verdict);
    }

    [Fact]
    public void Time_ends_flows_a_piece_of_the_table_at_a_time()
    {
        using var bed = new NatBed(options: new() { Secret = 3, Flows = 4000, FlowsPerQube = 4000, Qubes = 3 });
        for (int i = 0; i < 4000; i++)
        {
            bed.Outbound(0, From(0) with { SourcePort = (ushort)(2000 + i) });
        }

        bed.Now += 31_000;
        Assert.Equal(bed.Now + 100, bed.Tracker.Tick(bed.Now));
        Assert.InRange(bed.Tracker.Count, 4000 - 1024, 3999);
        for (int i = 0; i < 3; i++)
        {
            bed.Tracker.Tick(bed.Now);
        }

        Assert.Equal(0, bed.Tracker.Count);
    }

    private static int Send(NatBed bed, byte[] template, byte[] frame, byte protocol, int count, int offset)
    {
        int forwarded = 0;
        for (int i = 0; i < count; i++)
        {
            template.CopyTo(frame, 0);

            // Other peers, other ports.
            BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(30), 0x5000_0000 + (uint)(i + offset));
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), (ushort)(1024 + (i * 31 % 50_000)));
            var packet = new FlowPacket { Bytes = frame.AsSpan(14), Length = frame.Length - 14, Protocol = protocol, TransportOffset = 20 };
            FlowDecision decision = bed.Tracker.Outbound(0, packet, bed.Now + (i / 1000));
            if (decision.Verdict == FlowVerdict.Forward)
            {
                bed.Tracker.Translate(decision, packet);
                forwarded++;
            }
        }

        return forwarded;
    }

    /// <summary>Number of flows to ports from the first on. An error about a packet changes nothing, and so tells whether the flow is there.</summary>
    private static int Living(NatBed bed, byte protocol, int first, int count = 10) => Enumerable.Range(first, count).Count(port =>
    {
        byte[] frame = (From(0, protocol) with { Source = External4, SourcePort = (ushort)port }).Build();
        byte[] message = [3, 1, 0, 0, 0, 0, 0, 0, .. frame[14..42]];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)~Makatea.Tests.Traffic.InternetChecksum.Sum(message));
        return bed.Inbound(From(0, 1) with { Source = Remote4, Destination = External4, Raw = message }).Verdict == FlowVerdict.Forward;
    });
}
