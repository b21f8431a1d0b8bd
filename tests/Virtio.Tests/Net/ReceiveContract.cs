using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Virtio.Net;
using Makatea.Virtio.Testing;
using Makatea.Virtio.Tests.Block;

namespace Makatea.Virtio.Tests.Net;

/// <summary>What a guest receives, on one kind of ring.</summary>
public abstract class ReceiveContract<TRing>
    where TRing : struct, IDriverRing<TRing>
{
    [Theory]
    [InlineData(14)]
    [InlineData(64)]
    [InlineData(1514)]
    public void A_frame_is_put_behind_a_header(int length)
    {
        using NetRig<TRing> rig = new();
        rig.SupplyGuest(2, 2048);
        byte[] frame = Frames.Any(length);
        rig.Transmit(frame);
        byte[] buffer = Assert.Single(rig.TakeReceived());
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, .. frame], buffer);
        Assert.Equal(1, rig.Calls[0].Rings);
        Assert.Equal(1, rig.Device.Counters.Received);
    }

    [Fact]
    public void A_buffer_may_be_cut_anywhere_and_a_frame_too()
    {
        using NetRig<TRing> rig = new();
        byte[] frame = Frames.Any(150);
        for (int cut = 1; cut < 160; cut += 3)
        {
            rig.SupplyGuest(1, 200, 0, cut);
            rig.Transmit(frame, default, 1 + (cut % 149));
            byte[] buffer = Assert.Single(rig.TakeReceived());
            Assert.Equal(frame, buffer[12..]);
            Assert.Equal(1, buffer[10]);
        }
    }

    [Theory]
    [InlineData(100)]
    [InlineData(1000)]
    [InlineData(1536)]
    public void A_frame_goes_on_in_the_next_buffer_where_they_merge(int bufferLength)
    {
        using NetRig<TRing> rig = new();
        byte[] frame = Frames.Any(4000);
        int expected = (4012 + bufferLength - 1) / bufferLength;
        rig.SupplyGuest(60, bufferLength);
        rig.Transmit(frame, default, 100, 2100);
        List<byte[]> buffers = rig.TakeReceived();
        Assert.Equal(expected, buffers.Count);
        Assert.Equal(expected, BinaryPrimitives.ReadUInt16LittleEndian(buffers[0].AsSpan(10)));
        Assert.All(buffers[..^1], b => Assert.Equal(bufferLength, b.Length));
        Assert.Equal(frame, buffers.SelectMany(b => b).Skip(12).ToArray());
        Assert.Equal(1, rig.Calls[0].Rings);
    }

    [Fact]
    public void A_frame_without_enough_buffers_takes_none_of_them()
    {
        using NetRig<TRing> rig = new();
        rig.SupplyGuest(3, 1000);
        rig.Transmit(Frames.Any(4000));
        Assert.Empty(rig.TakeReceived());
        Assert.Equal(1, rig.Device.Counters.NoBuffer);
        for (int i = 0; i < 3; i++)
        {
            rig.Transmit(Frames.Any(500, (byte)i));
        }

        Assert.Equal([1, 2, 3], rig.TakeReceived().Select(b => b[12] + 1));
        rig.SupplyGuest(5, 1000);
        rig.Transmit(Frames.Any(4000));
        Assert.Equal(5, rig.TakeReceived().Count);
    }

    [Fact]
    public void Without_merging_a_frame_has_to_fit()
    {
        using NetRig<TRing> rig = new(NetFeatures.MergeableBuffers);
        rig.SupplyGuest(1, 1000);
        rig.Transmit(Frames.Any(1400));
        Assert.Empty(rig.TakeReceived());
        Assert.Equal(1, rig.Device.Counters.Unwanted);
        rig.Transmit(Frames.Any(900));
        Assert.Single(rig.TakeReceived());
        rig.SupplyGuest(1, 66_000, 0, 4096, 8192, 40_000);
        byte[] frame = Frames.Packet(false, true, 60_000);
        rig.Transmit(frame, new() { Flags = NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentTcp4, ChecksumStart = 34, ChecksumOffset = 16, SegmentSize = 1448, HeaderLength = 54 });
        byte[] buffer = Assert.Single(rig.TakeReceived());
        Assert.Equal(frame, buffer[12..]);
        Assert.Equal(1, buffer[10]);
    }

    [Fact]
    public void Without_buffers_frames_are_dropped_and_counted()
    {
        using NetRig<TRing> rig = new();
        rig.Transmit(Frames.Any(60));
        rig.Transmit(Frames.Any(60));
        Assert.Equal(2, rig.Device.Counters.NoBuffer);
        Assert.Equal(0, rig.Calls[0].Rings);
    }

    [Theory]
    [InlineData(NetFrameFlags.NeedsChecksum, 0, 0x01, 0)]
    [InlineData(NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentTcp4, 1448, 0x01, 1)]
    [InlineData(NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentTcp6, 1448, 0x01, 4)]
    [InlineData(NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentUdp4, 1448, 0x01, 5)]
    [InlineData(NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentUdp6, 1448, 0x01, 5)]
    [InlineData(NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentEcn, 1448, 0x01, 0x81)]
    [InlineData(NetFrameFlags.ChecksumGood, 0, 0x02, 0)]
    public void What_is_left_to_the_driver_is_in_the_header(NetFrameFlags flags, ushort size, byte headerFlags, byte gso)
    {
        using NetRig<TRing> rig = new();
        rig.SupplyGuest(1, 4096);
        NetFrameOffload offload = new() { Flags = flags };
        if (flags != NetFrameFlags.ChecksumGood)
        {
            offload = offload with { ChecksumStart = 34, ChecksumOffset = 16, SegmentSize = size, HeaderLength = size == 0 ? (ushort)0 : (ushort)54 };
        }

        rig.Transmit(Frames.Any(3000), offload);
        byte[] header = Assert.Single(rig.TakeReceived())[..12];
        Assert.Equal(
            Frames.Header(headerFlags, gso, offload.HeaderLength, offload.SegmentSize, offload.ChecksumStart, offload.ChecksumOffset)[..10], header[..10]);
    }

    [Theory]
    [InlineData(NetFrameFlags.NeedsChecksum)]
    [InlineData(NetFrameFlags.NeedsChecksum | NetFrameFlags.SegmentTcp4)]
    [InlineData(NetFrameFlags.SegmentUdp6)]
    [InlineData(NetFrameFlags.HasVlanTag)]
    public void What_the_driver_does_not_take_is_dropped(NetFrameFlags flags)
    {
        using NetRig<TRing> rig = new(NetFeatures.GuestOffloads | NetFeatures.ControlGuestOffloads);
        Assert.Equal(NetOffloads.None, rig.Device.Port.Info.Transmit);
        rig.SupplyGuest(2, 4096);
        rig.Transmit(Frames.Any(60), new() { Flags = flags, SegmentSize = 10 });
        Assert.Empty(rig.TakeReceived());
        Assert.Equal(1, rig.Device.Counters.Unwanted);

        // That a checksum is right is no work; without the feature it is not said.
        rig.Transmit(Frames.Any(60), new() { Flags = NetFrameFlags.ChecksumGood });
        Assert.Equal(0, Assert.Single(rig.TakeReceived())[0]);
    }

    [Fact]
    public void The_port_says_what_the_driver_takes()
    {
        using NetRig<TRing> rig = new(NetFeatures.GuestTso6 | NetFeatures.HostUso);
        NetPortInfo info = rig.Device.Port.Info;
        Assert.Equal(
            NetOffloads.Checksum | NetOffloads.SegmentTcp4 | NetOffloads.SegmentEcn | NetOffloads.SegmentUdp4 | NetOffloads.SegmentUdp6, info.Transmit);
        Assert.Equal(NetOffloads.Checksum | NetOffloads.SegmentTcp4 | NetOffloads.SegmentTcp6 | NetOffloads.SegmentEcn, info.Receive);
        Assert.True(info.IsLinkUp);
        Assert.Equal(1, info.QueueCount);
        Assert.Equal(1500, info.Mtu);
        Assert.True(info.MaxSegmentedLength > 65_000);
    }

    [Fact]
    public void A_buffer_without_room_for_a_header_breaks_the_ring()
    {
        using NetRig<TRing> rig = new();
        rig.SupplyGuest(1, 11);
        rig.Transmit(Frames.Any(60));
        Assert.Equal(RingFault.RequestTooShort, rig.Workers[0].Fault);
        Assert.Equal(1, rig.Errors[0].Rings);
        rig.Transmit(Frames.Any(60));
        Assert.Equal(RingFault.None, rig.Workers[1].Fault);
    }

    [Fact]
    public void A_buffer_that_the_device_may_only_read_breaks_the_ring()
    {
        using NetRig<TRing> rig = new();
        Assert.True(rig.Ring(0).TryAdd([rig.Arena.Allocate(2048).AsElement()], 1, 0));
        rig.Ring(0).Publish();
        rig.Transmit(Frames.Any(60));
        Assert.Equal(RingFault.RequestTooShort, rig.Workers[0].Fault);
    }

    [Fact]
    public void What_is_written_is_logged()
    {
        using HeapLog heap = new(64 << 10);
        using NetRig<TRing> rig = new(log: heap.Log);
        rig.SupplyGuest(1, 2048);
        rig.Transmit(Frames.Any(100));
        Assert.Equal(112, Assert.Single(rig.TakeReceived()).Length);
        Assert.True(heap.IsMarked(rig.LastGuestBuffer.Address / 4096), "the buffer's page is marked");
    }

    [Fact]
    public void While_the_link_is_down_nothing_arrives()
    {
        using NetRig<TRing> rig = new();
        int changes = 0;
        rig.Device.ConfigChanged += () => changes++;
        rig.SupplyGuest(1, 2048);
        rig.Device.IsLinkUp = false;
        rig.Transmit(Frames.Any(100));
        Assert.Empty(rig.TakeReceived());
        Assert.False(rig.Device.Port.Info.IsLinkUp);
        byte[] config = new byte[28];
        rig.Device.ReadConfig(0, config);
        Assert.Equal(0, config[6] & 1);
        rig.Device.IsLinkUp = true;
        rig.Transmit(Frames.Any(100));
        Assert.Single(rig.TakeReceived());
        Assert.Equal(2, changes);
    }

    [Fact]
    public void Notifications_are_held_back_as_the_driver_commands()
    {
        using NetRig<TRing> rig = new(VirtioFeatures.EventIndex);
        Assert.Equal(0, rig.Command(6, 1, 4, 0, 0, 0, 0x50, 0xc3, 0, 0));
        rig.SupplyGuest(10, 2048);
        for (int i = 0; i < 3; i++)
        {
            rig.Transmit(Frames.Any(60));
        }

        Assert.Equal(0, rig.Calls[0].Rings);
        Assert.NotEqual(DoorbellWaiter.Forever, rig.Queue.Arm());
        rig.Transmit(Frames.Any(60));
        Assert.Equal(1, rig.Calls[0].Rings);

        // 50 ms after the first frame at the latest.
        rig.Transmit(Frames.Any(60));
        Assert.Equal(1, rig.Calls[0].Rings);
        Thread.Sleep(60);
        rig.Queue.Receive(new NetReceived[1]);
        Assert.Equal(2, rig.Calls[0].Rings);
        Assert.Equal(5, rig.TakeReceived().Count);
    }
}

public sealed class SplitReceiveTests : ReceiveContract<SplitDriverRing>;

public sealed class PackedReceiveTests : ReceiveContract<PackedDriverRing>;
