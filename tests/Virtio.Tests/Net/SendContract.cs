using Makatea.Platform;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Net;

/// <summary>What a guest sends, on one kind of ring.</summary>
public abstract class SendContract<TRing>
    where TRing : struct, IDriverRing<TRing>
{
    private const byte NeedsChecksum = 1;

    [Theory]
    [InlineData(14)]
    [InlineData(60)]
    [InlineData(64)]
    [InlineData(1514)]
    public void A_frame_arrives_and_its_buffer_comes_back(int length)
    {
        using NetRig<TRing> rig = new();
        byte[] frame = Frames.Any(length);
        rig.Send(frame);
        Received received = Assert.Single(rig.Receive());
        Assert.Equal(frame, received.Bytes);
        Assert.Equal(default, received.Offload);
        Assert.Equal(1, rig.TakeSent());
        Assert.Equal(1, rig.Calls[1].Rings);
    }

    [Fact]
    public void A_frame_may_be_cut_anywhere()
    {
        using NetRig<TRing> rig = new();
        byte[] frame = Frames.Any(200);
        for (int cut = 1; cut < 211; cut++)
        {
            rig.Send(new byte[12], frame, 0, cut);
            Assert.Equal(frame, Assert.Single(rig.Receive()).Bytes);
            Assert.Equal(1, rig.TakeSent());
        }

        rig.Send(new byte[12], frame, 0, 5, 6, 12, 13, 30, 31, 90);
        Assert.Equal(frame, Assert.Single(rig.Receive()).Bytes);
    }

    [Theory]
    [InlineData(32)]
    [InlineData(3)]
    [InlineData(1)]
    public void A_long_frame_takes_several_buffers_perhaps_in_several_batches(int batch)
    {
        using NetRig<TRing> rig = new();
        byte[] frame = Frames.Packet(false, true, 60_000);
        rig.Send(Frames.Header(NeedsChecksum, 1, 54, 1448, 34, 16), frame);
        rig.Send(Frames.Any(100));
        List<Received> received = rig.Receive(batch);
        Assert.Equal(2, received.Count);
        Assert.Equal(frame, received[0].Bytes);
        Assert.Equal((frame.Length + 2047) / 2048, received[0].Parts);
        Assert.Equal(NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentTcp4, received[0].Offload.Flags);
        Assert.Equal(100, received[1].Bytes.Length);
        Assert.Equal(2, rig.TakeSent());
    }

    [Fact]
    public void A_batch_is_published_and_notified_once()
    {
        using NetRig<TRing> rig = new(VirtioFeatures.EventIndex);
        for (int round = 1; round < 5; round++)
        {
            for (int i = 0; i < 32; i++)
            {
                rig.Send(Frames.Any(64, (byte)i));
            }

            Assert.Equal(32, rig.Receive().Count);
            Assert.Equal(32, rig.TakeSent());
            Assert.Equal(round, rig.Calls[1].Rings);
        }
    }

    [Theory]
    [InlineData(false, true, 1, NetFrameFlags.SegmentTcp4, 54)]
    [InlineData(true, true, 4, NetFrameFlags.SegmentTcp6, 74)]
    [InlineData(false, false, 5, NetFrameFlags.SegmentUdp4, 42)]
    [InlineData(true, false, 5, NetFrameFlags.SegmentUdp6, 62)]
    [InlineData(false, true, 0x81, NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentEcn, 54)]
    public void Segmentation_is_told_with_lengths_that_were_found_in_the_frame(bool is6, bool tcp, byte gso, NetFrameFlags flags, int headers)
    {
        using NetRig<TRing> rig = new();
        byte[] frame = Frames.Packet(is6, tcp, 4000);
        int start = is6 ? 54 : 34;
        rig.Send(Frames.Header(NeedsChecksum, gso, 9999, 1400, (ushort)start, tcp ? (ushort)16 : (ushort)6), frame);
        NetFrameOffload offload = Assert.Single(rig.Receive()).Offload;
        Assert.Equal(flags | NetFrameFlags.NeedsChecksum, offload.Flags);
        Assert.Equal(1400, offload.SegmentSize);
        Assert.Equal(headers, offload.HeaderLength);
        Assert.Equal(start, offload.ChecksumStart);
    }

    [Fact]
    public void A_checksum_that_is_left_out_is_told()
    {
        using NetRig<TRing> rig = new();
        rig.Send(Frames.Header(NeedsChecksum, start: 34, offset: 16), Frames.Packet(false, true, 10));
        NetFrameOffload offload = Assert.Single(rig.Receive()).Offload;
        Assert.Equal(new NetFrameOffload { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 16 }, offload);
    }

    /// <summary>Each is a header that no driver may send with this packet of 4054 bytes, TCP over IPv4.</summary>
    public static TheoryData<string, byte[]> BadHeaders => new()
    {
        { "segments of nothing", Frames.Header(1, 1, 54, 0, 34, 16) },
        { "segmentation without a checksum", Frames.Header(0, 1, 54, 1400, 34, 16) },
        { "a checksum behind the frame", Frames.Header(1, start: 4053, offset: 0) },
        { "a checksum far behind the frame", Frames.Header(1, start: 65535, offset: 65535) },
        { "a checksum of the Ethernet header", Frames.Header(1, start: 0, offset: 2) },
        { "IPv6 that is IPv4", Frames.Header(1, 4, 54, 1400, 34, 16) },
        { "UDP that is TCP", Frames.Header(1, 5, 54, 1400, 34, 6) },
        { "fragmentation of UDP", Frames.Header(1, 3, 54, 1400, 34, 16) },
        { "a type that there is not", Frames.Header(1, 2, 54, 1400, 34, 16) },
        { "a tunnel", Frames.Header(1, 0x21, 54, 1400, 34, 16) },
        { "ECN of nothing", Frames.Header(1, 0x80, 54, 1400, 34, 16) },
        { "a transport header elsewhere", Frames.Header(1, 1, 54, 1400, 38, 16) },
        { "a checksum elsewhere", Frames.Header(1, 1, 54, 1400, 34, 18) },
        { "too long, and not to be cut", Frames.Header(1, start: 34, offset: 16) },
        { "too long", Frames.Header() },
    };

    [Theory]
    [MemberData(nameof(BadHeaders))]
    public void A_frame_whose_header_cannot_be_is_dropped_and_counted(string why, byte[] header)
    {
        using NetRig<TRing> rig = new();
        rig.Send(header, Frames.Packet(false, true, 4000));
        Assert.True(rig.Receive().Count == 0, why);
        Assert.Equal(1, rig.Device.Counters.Malformed);
        Assert.Equal(1, rig.TakeSent());
        rig.Send(Frames.Any(60));
        Assert.Single(rig.Receive());
    }

    [Theory]
    [InlineData(1ul << 11, 1)]
    [InlineData(1ul << 11 | 1ul << 12 | 1ul << 13 | 1ul << 56 | 1ul, 0)]
    public void What_was_not_negotiated_is_dropped(ulong without, byte gso)
    {
        using NetRig<TRing> rig = new(without);
        rig.Send(Frames.Header(NeedsChecksum, gso, 54, 1000, 34, 16), Frames.Packet(false, true, 1200));
        Assert.Empty(rig.Receive());
        Assert.Equal(1, rig.Device.Counters.Malformed);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(13)]
    [InlineData(70_000)]
    public void A_frame_of_a_length_that_cannot_be_is_dropped(int length)
    {
        using NetRig<TRing> rig = new();
        rig.Send(new byte[12], new byte[length]);
        Assert.Empty(rig.Receive());
        Assert.Equal(1, rig.Device.Counters.Malformed);
        Assert.Equal(1, rig.TakeSent());
    }

    [Fact]
    public void A_buffer_without_room_for_a_header_breaks_its_ring_alone()
    {
        using NetRig<TRing> rig = new(pairs: 2);
        int broken = 0;
        rig.Workers[1].Broken += _ => broken++;
        rig.Send(new byte[11], []);
        rig.Send(Frames.Any(60), pair: 1);
        Assert.Single(rig.Receive());
        Assert.Equal(RingFault.RequestTooShort, rig.Workers[1].Fault);
        Assert.Equal(1, broken);
        Assert.Equal(1, rig.Errors[1].Rings);
        rig.Send(Frames.Any(60), pair: 1);
        Assert.Single(rig.Receive());
        Assert.Equal(RingFault.None, rig.Workers[3].Fault);
    }

    [Fact]
    public void A_buffer_outside_of_memory_breaks_the_ring()
    {
        using NetRig<TRing> rig = new();
        Assert.True(rig.Ring(1).TryAdd([new GuestSegment(0xdead_0000_0000, 100)], 1, 0));
        rig.Ring(1).Publish();
        Assert.Empty(rig.Receive());
        Assert.Equal(RingFault.OutsideMemory, rig.Workers[1].Fault);
    }

    [Fact]
    public void All_pairs_are_received_from()
    {
        using NetRig<TRing> rig = new(pairs: 3);
        for (int i = 0; i < 3; i++)
        {
            rig.Send(Frames.Any(60, (byte)i), i);
        }

        Assert.Equal(3, rig.Receive().Count);
        Assert.All([0, 1, 2], i => Assert.Equal(1, rig.TakeSent(i)));
    }

    [Fact]
    public void Without_buffers_of_ours_nothing_is_taken()
    {
        using NetRig<TRing> rig = new();
        NetReceived[] parts = new NetReceived[64];
        for (int i = 0; i < 60; i++)
        {
            rig.Send(Frames.Any(60, (byte)i));
        }

        Assert.Equal(60, rig.Queue.Receive(parts));
        Assert.Equal(60, rig.TakeSent());
        for (int i = 0; i < 60; i++)
        {
            rig.Send(Frames.Any(60, (byte)i));
        }

        Assert.Equal(4, rig.Queue.Receive(parts));
        Assert.Equal(0, rig.Queue.Receive(parts));
        Assert.Equal(4, rig.TakeSent());
        Assert.NotEqual(BlockQueue.Ready, rig.Queue.Arm());
    }

    [Fact]
    public void Arming_looks_once_more()
    {
        using NetRig<TRing> rig = new();
        Assert.Equal(DoorbellWaiter.Forever, rig.Queue.Arm());
        rig.Send(Frames.Any(60));
        Assert.Equal(BlockQueue.Ready, rig.Queue.Arm());
        Assert.Single(rig.Receive());
        Assert.Equal(DoorbellWaiter.Forever, rig.Queue.Arm());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Rings_go_on_where_they_stood(bool inOrder)
    {
        using NetRig<TRing> rig = new(inOrder: inOrder);
        for (int round = 0; round < 5; round++)
        {
            for (int i = 0; i < 20; i++)
            {
                rig.Send(Frames.Any(60, (byte)i));
            }

            Assert.Equal(20, rig.Receive().Count);
            Assert.Equal(20, rig.TakeSent());
            rig.SupplyGuest(2, 2048);
            rig.Transmit(Frames.Any(99));
            Assert.Single(rig.TakeReceived());
            rig.Restart();
            rig.Transmit(Frames.Any(98));
            Assert.Equal(98 + 12, Assert.Single(rig.TakeReceived()).Length);
        }
    }

    [Fact]
    public async Task A_frame_whose_ring_goes_before_it_was_received_whole_is_discarded()
    {
        using NetRig<TRing> rig = new();
        rig.Send(Frames.Header(NeedsChecksum, 1, 54, 1448, 34, 16), Frames.Packet(false, true, 60_000));
        NetReceived[] parts = new NetReceived[3];
        Assert.Equal(3, rig.Queue.Receive(parts));
        Assert.True(parts[2].IsContinued);
        Task stop = Task.Run(() => rig.Workers[1].Stop());
        while (!stop.IsCompleted)
        {
            rig.Queue.Arm();
        }

        await stop;
        Assert.Equal(1, rig.Queue.Receive(parts));
        Assert.False(parts[0].IsContinued);
        Assert.Equal(NetFrameFlags.Discarded, parts[0].Offload.Flags);
        Assert.Equal(1, rig.TakeSent());
    }

    [Fact]
    public void Nothing_is_allocated_for_frames()
    {
        using NetRig<TRing> rig = new();
        NetReceived[] parts = new NetReceived[32];
        Turn();
        long before = GC.GetAllocatedBytesForCurrentThread();
        long allocatedInTurns = 0;
        for (int i = 0; i < 100; i++)
        {
            allocatedInTurns += Turn();
        }

        Assert.True(GC.GetAllocatedBytesForCurrentThread() > before, "the test's own allocations are seen");
        Assert.Equal(0, allocatedInTurns);

        long Turn()
        {
            rig.Send(Frames.Any(60));
            rig.SupplyGuest(1, 2048);
            long start = GC.GetAllocatedBytesForCurrentThread();
            int count = rig.Queue.Receive(parts);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - start;
            Assert.Equal(1, count);
            Assert.Equal(1, rig.Queue.Supply([rig.BufferOf(parts[0].Tag)]));
            allocated += rig.TransmitMeasured(60);
            rig.TakeSent();
            rig.TakeReceived();
            return allocated;
        }
    }
}

public sealed class SplitSendTests : SendContract<SplitDriverRing>;

public sealed class PackedSendTests : SendContract<PackedDriverRing>;
