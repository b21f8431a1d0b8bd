using Makatea.Platform;
using static Makatea.NetStack.Tests.NatBed;

namespace Makatea.NetStack.Tests;

public sealed class RestartTests : IDisposable
{
    private readonly NatBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void Flows_of_all_kinds_go_on_after_a_restart()
    {
        var published = new PublishedPort(6, 8080, 8080, TestPacket.Ip(Qubes4[1]), 80);
        _bed.Tracker.Publish([published]);
        Seen udp = _bed.Outbound(0, From(0) with { SourcePort = 100 });
        Seen six = _bed.Outbound(0, From(0, 58, isIPv6: true));
        Seen asked = _bed.Inbound(From(0, 6) with { Source = Remote4, Destination = External4, DestinationPort = 8080, TcpFlags = 2 });
        _bed.Start();
        _bed.Tracker.Publish([published]);
        Assert.Equal((3, 2, 1), (_bed.Tracker.Count, _bed.Tracker.CountOf(0), _bed.Tracker.CountOf(1)));
        Assert.Equal((FlowVerdict.Forward, 0, 100), (_bed.Inbound(udp.Answer) is var a ? a.Verdict : default, a.Qube, a.Packet.DestinationPort));
        Assert.Equal((FlowVerdict.Forward, 0), (_bed.Inbound(six.Answer) is var b ? b.Verdict : default, b.Qube));
        Assert.Equal(FlowVerdict.Forward, _bed.Outbound(1, asked.Answer with { TcpFlags = 0x12, Sequence = 9, Acknowledged = 1006 }).Verdict);

        // The port is still that qube port's.
        Assert.Equal(udp.Packet.SourcePort, _bed.Outbound(0, From(0) with { SourcePort = 100, Destination = "198.51.100.1" }).Packet.SourcePort);
        Assert.NotEqual(udp.Packet.SourcePort, _bed.Outbound(1, From(1) with { SourcePort = udp.Packet.SourcePort }).Packet.SourcePort);
    }

    [Fact]
    public void Flows_wait_for_their_qube_and_are_no_others()
    {
        Seen sent = _bed.Outbound(0, From(0));
        _bed.Start(isAttached: false);
        Assert.Equal(FlowVerdict.NoQube, _bed.Inbound(sent.Answer).Verdict);
        _bed.Attach(1);
        Assert.Equal(FlowVerdict.NoQube, _bed.Inbound(sent.Answer).Verdict);
        _bed.Attach(0);
        Assert.Equal((FlowVerdict.Forward, 0), (_bed.Inbound(sent.Answer) is var answer ? answer.Verdict : default, answer.Qube));
        _bed.Tracker.Detach(0);
        Assert.Equal(FlowVerdict.Invalid, _bed.Inbound(sent.Answer).Verdict);
    }

    [Fact]
    public void Flows_that_rules_forbid_meanwhile_end()
    {
        _bed.Outbound(0, From(0));
        _bed.Outbound(0, From(0) with { DestinationPort = 54 });
        _bed.Start(isAttached: false);
        _bed.Tracker.Attach(0, TestPacket.Ip(Qubes4[0]), null, _bed.Rules("action=accept proto=udp dstports=53"), _bed.Now);
        Assert.Equal(1, _bed.Tracker.Count);
    }

    [Fact]
    public void Flows_that_a_name_allows_wait_for_the_name_and_end_without_it()
    {
        foreach (bool isResolved in (bool[])[false, true])
        {
            using var bed = new NatBed();
            bed.Outbound(0, From(0, 6) with { TcpFlags = 2 });
            bed.Outbound(0, From(0, 6) with { TcpFlags = 2, Destination = "198.51.100.1" });
            bed.Start(isAttached: false);
            bed.Tracker.Attach(0, TestPacket.Ip(Qubes4[0]), null, bed.Rules("action=accept dsthost=example.org proto=tcp"), bed.Now);
            Assert.Equal(2, bed.Tracker.Count);
            if (isResolved)
            {
                bed.Names.Learn("example.org", TestPacket.Ip(Remote4), 60_000, bed.Now);
            }

            bed.Tracker.Tick(bed.Now + 29_000);
            Assert.Equal(2, bed.Tracker.Count);
            bed.Tracker.Tick(bed.Now + 31_000);
            Assert.Equal(isResolved ? 1 : 0, bed.Tracker.Count);
        }
    }

    [Fact]
    public void Tcp_goes_on_after_a_restart_and_after_the_loss_of_the_table()
    {
        foreach (bool isLost in (bool[])[false, true])
        {
            using var bed = new NatBed();
            Assert.Equal(FlowVerdict.Forward, bed.Outbound(0, Segment(2, 1000, 0)).Verdict);
            Assert.Equal(FlowVerdict.Forward, bed.Inbound(Reply(0x12, 5000, 1001)).Verdict);
            Assert.Equal(FlowVerdict.Forward, bed.Outbound(0, Segment(16, 1001, 5001)).Verdict);
            if (isLost)
            {
                bed.Memory.AsSpan().Clear();
            }

            bed.Start();
            Assert.Equal(isLost ? FlowVerdict.Invalid : FlowVerdict.Forward, bed.Inbound(Reply(16, 5001, 1001)).Verdict);
            Assert.Equal(FlowVerdict.Forward, bed.Outbound(0, Segment(16, 1001, 5001, 500)).Verdict);
            Assert.Equal(FlowVerdict.Forward, bed.Inbound(Reply(16, 5001, 1501)).Verdict);

            // What was there is trusted once more as soon as a segment fitted; what was not is let through.
            Assert.Equal(isLost ? FlowVerdict.Forward : FlowVerdict.Invalid, bed.Inbound(Reply(16, 0x7000_0000, 1501)).Verdict);
        }
    }

    /// <summary>
    /// Copies of the memory at any moment, taken by another thread while flows come and go: worse than what a kill leaves, as one copy spans many moments. Whatever is
    /// found is a flow that was there; those that stayed all the time are there.
    /// </summary>
    [Fact]
    public void A_copy_taken_at_any_moment_has_only_true_flows_and_all_lasting_ones()
    {
        const int Lasting = 50;
        for (int i = 0; i < Lasting; i++)
        {
            _bed.Outbound(0, From(0) with { SourcePort = (ushort)(2000 + i) });
        }

        using var ready = new ManualResetEventSlim();
        byte[] copy = new byte[_bed.Memory.Length];
        using var memory = new NativeArray<byte>(copy.Length);
        int round = 0;
        var copier = new Thread(() =>
        {
            while (Volatile.Read(ref round) >= 0)
            {
                ready.Wait();
                ready.Reset();
                if (Volatile.Read(ref round) >= 0)
                {
                    _bed.Memory.AsSpan().CopyTo(copy);
                    Interlocked.Increment(ref round);
                }
            }
        });
        copier.Start();
        int others = 0;
        for (int done = 0; done < 100; done++)
        {
            ready.Set();
            int enough = others + 20;
            while (Volatile.Read(ref round) == done || others < enough)
            {
                // The second qube is at its limit all the time, so that each new flow takes an old one's place.
                _bed.Outbound(1, From(1) with { SourcePort = (ushort)(1024 + (others++ % 50_000)) });
            }

            copy.CopyTo(memory.AsSpan());
            var table = new FlowTable(memory.AsSegment(), 256, new(3), _bed.Now);
            for (int i = 0; i < table.Capacity; i++)
            {
                ref FlowRecord flow = ref table[i];
                if (flow.Check != 0)
                {
                    Assert.Equal((TestPacket.Ip(Remote4), 53, 17), (flow.Original.Destination, flow.Original.DestinationPort, flow.Original.Protocol));
                    Assert.Equal((flow.Original.Destination, TestPacket.Ip(External4)), (flow.Reply.Source, flow.Reply.Destination));
                    Assert.Contains(flow.Original.Source.ToString(), Qubes4[..2]);
                }
            }

            Assert.Equal(Lasting, Enumerable.Range(0, Lasting).Count(i => !table.IsUnused(new(TestPacket.Ip(Qubes4[0]), TestPacket.Ip(Remote4), (ushort)(2000 + i), 53, 17))));
        }

        Volatile.Write(ref round, -1);
        ready.Set();
        Assert.True(copier.Join(10_000));
    }

    private static TestPacket Segment(byte flags, uint sequence, uint acknowledged, int length = 0) =>
        From(0, 6) with { TcpFlags = flags, Sequence = sequence, Acknowledged = acknowledged, Payload = new byte[length] };

    private static TestPacket Reply(byte flags, uint sequence, uint acknowledged) => Segment(flags, sequence, acknowledged) with
    {
        Source = Remote4,
        Destination = External4,
        SourcePort = 53,
        DestinationPort = 40_000,
    };
}
