using Makatea.Platform;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

public sealed class ForwardingTests
{
    [Fact]
    public void Frames_come_back_from_the_loopback_with_what_is_left_to_do_on_them()
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        bed.Attach(new(new() { Address = default, IsLinkUp = true, MaxSegments = 64, Transmit = NetOffloads.Checksum | NetOffloads.SegmentTcp4, MaxSegmentedLength = FramePool.MaxLength }));
        byte[] small = Bytes(60);
        byte[] large = new TestPacket { Protocol = 6, Payload = Bytes(64_946) }.Build();
        bed.Arrive(0, small, new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 16 });
        bed.Arrive(0, large, new() { Flags = NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentTcp4, SegmentSize = 1448, HeaderLength = 66, ChecksumStart = 34, ChecksumOffset = 16 });

        List<SentFrame> sent = bed.TakeSent(0);
        Assert.Equal([small, large], sent.Select(f => f.Bytes));
        Assert.Equal(1448, sent[1].Offload.SegmentSize);
        Assert.Equal(32, sent[1].Parts);
        Assert.Equal(2ul, bed.Plane.Port(0)!.Counters.SentFrames);
        Assert.Equal(65_060ul, bed.Plane.Port(0)!.Counters.ReceivedBytes);
    }

    /// <summary>A batch to one port goes in pieces where frames among it ask for something or have several parts.</summary>
    [Fact]
    public void Frames_of_all_kinds_keep_their_order()
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        ForwardingPort port = bed.Attach(new(new() { Address = default, IsLinkUp = true, MaxSegments = 64, Transmit = NetOffloads.Checksum, MaxSegmentedLength = FramePool.MaxLength }));
        List<byte[]> frames = [];
        for (int i = 0; i < 200; i++)
        {
            frames.Add(Bytes(i % 7 == 3 ? 5000 + i : 60 + i));
            bed.Ports[0].Queue.Arrive(frames[i], i % 5 == 2 ? new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 16 } : default);
        }

        bed.Run();
        Assert.Equal(frames, bed.TakeSent(0).Select(f => f.Bytes));
        Assert.Equal(200ul, port.Counters.SentFrames);
        Assert.Equal((ulong)frames.Sum(f => f.Length), port.Counters.SentBytes);
    }

    [Fact]
    public void What_is_known_of_checksums_is_passed_on_and_what_only_a_receiver_says_is_not()
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        bed.Attach();
        bed.Arrive(0, Bytes(64), new() { Flags = NetFrameFlags.ChecksumGood | NetFrameFlags.ChecksumBad | (NetFrameFlags)0x8000 });
        Assert.Equal(NetFrameFlags.ChecksumGood, Assert.Single(bed.TakeSent(0)).Offload.Flags);
    }

    [Fact]
    public void A_full_queue_drops_and_counts()
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        ForwardingPort port = bed.Attach(new() { Queue = { HoldsFrames = true } });
        bed.Ports[0].Queue.Room = 40;
        for (int i = 0; i < 100; i++)
        {
            bed.Ports[0].Queue.Arrive(Bytes(64));
        }

        bed.Run();
        Assert.Equal(40, bed.TakeSent(0).Count);
        Assert.Equal(40ul, port.Counters.SentFrames);
        Assert.Equal(60ul, port.Counters.QueueFull);
    }

    [Fact]
    public void What_a_queue_copied_is_free_at_once()
    {
        using var bed = new PlaneBed(new LoopbackForwarder(), options: new() { ReceiveDepth = 64, TransmitDepth = 64 });
        ForwardingPort port = bed.Attach();
        int before = bed.Frames.Available;
        for (int i = 0; i < 20; i++)
        {
            bed.Ports[0].Queue.Arrive(Bytes(40_000));
        }

        bed.Run();
        Assert.Equal(20, bed.TakeSent(0).Count);
        Assert.Equal(0ul, port.Counters.QueueFull);
        Assert.Equal(before, bed.Frames.Available);

        // What it does not take is dropped, and free as well.
        bed.Ports[0].Queue.Room = 1;
        bed.Ports[0].Queue.Arrive(Bytes(64));
        bed.Ports[0].Queue.Arrive(Bytes(64));
        bed.Run();
        Assert.Equal(1ul, port.Counters.QueueFull);
        Assert.Equal(before, bed.Frames.Available);
    }

    [Fact]
    public void What_is_being_sent_is_bounded_in_buffers()
    {
        using var bed = new PlaneBed(new LoopbackForwarder(), options: new() { ReceiveDepth = 64, TransmitDepth = 64 });
        ForwardingPort port = bed.Attach(new() { Queue = { HoldsFrames = true } });
        for (int i = 0; i < 20; i++)
        {
            bed.Arrive(0, Bytes(40_000));
        }

        // 20 buffers each, and 2 * 64 that may be under way.
        Assert.Equal(6, bed.TakeSent(0).Count);
        Assert.Equal(14ul, port.Counters.QueueFull);
        Assert.Equal(64, bed.Ports[0].Queue.Buffers);
    }

    [Fact]
    public void Every_queue_has_its_turn()
    {
        var order = new List<int>();
        using var bed = new PlaneBed(new Recorder(order));
        bed.Attach();
        bed.Attach();
        for (int i = 0; i < 1000; i++)
        {
            bed.Ports[0].Queue.Arrive(Bytes(64));
        }

        bed.Ports[1].Queue.Arrive(Bytes(64));
        bed.Run();
        Assert.InRange(order.IndexOf(1), 0, ForwardingPlane.BatchSize);
        Assert.Equal(1001, order.Count);
    }

    [Theory]
    [InlineData(13)]
    [InlineData(0)]
    [InlineData((FramePool.MaxParts * FramePool.BufferLength) + 1)]
    [InlineData(300_000)]
    public void Frames_too_short_or_too_long_are_dropped_and_the_next_is_taken(int length)
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        ForwardingPort port = bed.Attach();
        bed.Arrive(0, Bytes(length));
        Assert.Empty(bed.TakeSent(0));
        Assert.Equal(1ul, port.Counters.ReceiveErrors);
        bed.Arrive(0, Bytes(4000));
        Assert.Equal(4000, Assert.Single(bed.TakeSent(0)).Bytes.Length);
    }

    [Fact]
    public void Damaged_frames_are_dropped()
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        ForwardingPort port = bed.Attach();
        bed.Arrive(0, Bytes(64), new() { Flags = NetFrameFlags.Discarded });
        bed.Arrive(0, Bytes(5000), new() { Flags = NetFrameFlags.Discarded });
        Assert.Empty(bed.TakeSent(0));
        Assert.Equal(2ul, port.Counters.ReceiveErrors);
    }

    [Fact]
    public void A_port_that_is_taken_away_leaves_no_buffer_behind()
    {
        using var bed = new PlaneBed(new LoopbackForwarder());
        ForwardingPort port = bed.Attach(new() { Queue = { HoldsFrames = true } });
        bed.Arrive(0, Bytes(10_000));

        // Half of a frame.
        bed.Ports[0].Queue.Alter = received => received with { IsContinued = true };
        bed.Arrive(0, Bytes(64));
        Assert.NotEqual(bed.Frames.Count, bed.Frames.Available);
        bed.Plane.Detach(port);
        Assert.True(bed.Ports[0].Queue.IsClosed);
        Assert.Equal(bed.Frames.Count, bed.Frames.Available);
        Assert.Null(bed.Plane.Port(0));
        Assert.Equal(0, bed.Attach().Index);
    }

    [Fact]
    public void Ports_for_which_there_are_too_few_buffers_are_refused()
    {
        using var bed = new PlaneBed(new LoopbackForwarder(), buffers: 300);
        bed.Attach();
        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => bed.Attach());
        Assert.Contains("port1 needs 225 buffers", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Frames_for_no_port_are_dropped()
    {
        using var bed = new PlaneBed(new Recorder([], sendTo: 7));
        bed.Attach();
        bed.Arrive(0, Bytes(64));
    }

    [Fact]
    public void A_buffer_that_is_given_back_twice_is_found()
    {
        using var bed = new PlaneBed(new SinkForwarder());
        int frame = bed.Frames.Rent();
        bed.Frames.Free(frame);
        Assert.Throws<InvalidOperationException>(() => bed.Frames.Free(frame));
    }

    internal static byte[] Bytes(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private sealed class Recorder(List<int> order, int sendTo = -1) : IForwarder
    {
        public void Forward(ForwardingPlane plane, int port, ReadOnlySpan<int> frames)
        {
            foreach (int frame in frames)
            {
                order.Add(port);
                plane.Send(sendTo, frame);
            }
        }
    }
}
