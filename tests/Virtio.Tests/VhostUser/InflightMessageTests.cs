using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.Virtio.Tests;

/// <summary>GET_INFLIGHT_FD and SET_INFLIGHT_FD (vhost-user, "Inflight I/O tracking").</summary>
public sealed class InflightMessageTests
{
    private const ulong Packed = VirtioFeatures.Version1 | VhostUserFeatures.ProtocolFeatures | VirtioFeatures.PackedRing;

    [Theory]
    [InlineData(20)]
    [InlineData(24)]
    public void Memory_of_the_right_size_is_made_and_answered_in_the_length_of_the_question(int length)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send(VhostUserRequest.GetInflightFd, Description(0, 0, 2, 128, length));
        List<Grant> grants = [];
        byte[] answer = bed.Reply(VhostUserRequest.GetInflightFd, grants);
        Assert.Equal(length, answer.Length);
        Assert.Equal(new VhostUserInflightDescription(2 * 2112, 0, 2, 128), MemoryMarshal.Read<VhostUserInflightDescription>(answer));
        FakeMemory memory = Assert.IsType<FakeMemory>(Assert.IsType<FakeGrant>(Assert.Single(grants)).Target);
        Assert.Equal(2 * 2112, memory.Bytes.Length);
        Assert.Equal(-1, memory.Bytes.IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Packed_rings_need_more()
    {
        using SessionBed bed = new SessionBed().Negotiate(Packed);
        byte[] answer = bed.Get(VhostUserRequest.GetInflightFd, Description(0, 0, 1, 128));
        Assert.Equal(4160ul, MemoryMarshal.Read<VhostUserInflightDescription>(answer).Size);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Each_queue_gets_its_part(bool packed)
    {
        using SessionBed bed = packed ? new SessionBed().Negotiate(Packed) : new SessionBed().Negotiate();
        ulong part = VhostUserInflight.QueueSize(128, packed);
        FakeMemory region = new((int)(2 * part) + 64);
        bed.ShareMemory();
        bed.Send(VhostUserRequest.SetInflightFd, Description(2 * part, 64, 2, 128), bed.Give(region));
        bed.StartQueue(0, position: packed ? 0x8000_8000u : 0);
        bed.StartQueue(1, size: 64, position: packed ? 0x8000_8000u : 0);
        MemorySegment first = bed.Device.Running(0)!.Setup.Inflight!.Value;
        MemorySegment second = bed.Device.Running(1)!.Setup.Inflight!.Value;
        Assert.Equal((int)part, first.Length);
        Assert.Equal((int)part, second.Length);
        first.AsSpan()[0] = 1;
        second.AsSpan()[0] = 2;
        Assert.Equal(1, region.Bytes[64]);
        Assert.Equal(2, region.Bytes[64 + (int)part]);
    }

    [Theory]
    [InlineData(4223ul, 0ul, (ushort)2, (ushort)128)]
    [InlineData(ulong.MaxValue, 0ul, (ushort)2, (ushort)128)]
    [InlineData(4224ul, ulong.MaxValue, (ushort)2, (ushort)128)]
    [InlineData(4224ul, 0ul, (ushort)0, (ushort)128)]
    [InlineData(4224ul, 0ul, (ushort)3, (ushort)128)]
    [InlineData(4224ul, 0ul, (ushort)2, (ushort)0)]
    [InlineData(4224ul, 0ul, (ushort)2, (ushort)257)]
    [InlineData(4224ul, 4ul, (ushort)2, (ushort)128)]
    [InlineData(4224ul, 8192ul, (ushort)2, (ushort)128)]
    [InlineData(0ul, 0ul, (ushort)2, (ushort)128)]
    public void A_region_that_cannot_be_ends_the_connection(ulong size, ulong offset, ushort queues, ushort queueSize)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory region = new(8192);
        bed.Send(VhostUserRequest.SetInflightFd, Description(size, offset, queues, queueSize), bed.Give(region));
        bed.ExpectFault("SET_INFLIGHT_FD");
    }

    [Theory]
    [InlineData((ushort)0, (ushort)1)]
    [InlineData((ushort)3, (ushort)1)]
    [InlineData((ushort)1, (ushort)0)]
    [InlineData((ushort)1, (ushort)65535)]
    public void Asking_for_queues_that_the_device_does_not_have_ends_the_connection(ushort queues, ushort queueSize)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send(VhostUserRequest.GetInflightFd, Description(0, 0, queues, queueSize));
        bed.ExpectFault("GET_INFLIGHT_FD", $"{queues} queues of {queueSize}", "1 to 2", "1 to 256");
    }

    [Theory]
    [InlineData((ushort)2, (ushort)64, 0u)]
    [InlineData((ushort)1, (ushort)128, 1u)]
    public void A_ring_that_does_not_fit_its_part_ends_the_connection(ushort queues, ushort queueSize, uint index)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory region = new(8192);
        bed.ShareMemory();
        bed.Send(VhostUserRequest.SetInflightFd, Description(8192, 0, queues, queueSize), bed.Give(region));
        bed.Send(VhostUserRequest.SetVringNum, new VhostUserVringState(index, 128));
        bed.Send(VhostUserRequest.SetVringAddress, SessionBed.Address(index));
        bed.Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(index, 1));
        bed.Send(VhostUserRequest.SetVringKick, (ulong)index, bed.Give(new FakeDoorbell()));
        bed.ExpectFault($"queue {index} of 128", "in-flight region");
    }

    [Fact]
    public void A_region_that_was_made_for_split_rings_does_not_serve_packed_ones()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory region = new(4224);
        bed.ShareMemory();
        bed.Send(VhostUserRequest.SetInflightFd, Description(4224, 0, 2, 128), bed.Give(region));
        bed.Send(VhostUserRequest.SetFeatures, Packed);
        bed.Send(VhostUserRequest.SetVringNum, new VhostUserVringState(1, 128));
        bed.Send(VhostUserRequest.SetVringBase, new VhostUserVringState(1, 0x8000_8000));
        bed.Send(VhostUserRequest.SetVringAddress, SessionBed.Address(1));
        bed.Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(1, 1));
        bed.Send(VhostUserRequest.SetVringKick, 1ul, bed.Give(new FakeDoorbell()));
        bed.ExpectFault("queue 1", "in-flight region");
    }

    [Fact]
    public void A_region_replaces_the_last_one_and_not_while_rings_run()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory first = new(4224);
        FakeMemory second = new(4224);
        bed.ShareMemory();
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetInflightFd, Description(4224, 0, 2, 128), bed.Give(first)));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetInflightFd, Description(4224, 0, 2, 128), bed.Give(second)));
        Assert.Equal(0, first.Mapped);
        bed.StartQueue(0);
        bed.Send(VhostUserRequest.SetInflightFd, Description(4224, 0, 2, 128), bed.Give(first));
        bed.ExpectFault("SET_INFLIGHT_FD while rings run");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_reset_forgets_the_region_as_it_forgets_the_rings_that_it_is_about(bool byStatus)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory region = new(4224);
        bed.ShareMemory();
        bed.Ask(VhostUserRequest.SetInflightFd, Description(4224, 0, 2, 128), bed.Give(region));
        bed.StartQueue(0);
        Assert.NotNull(bed.Device.Running(0)!.Setup.Inflight);
        _ = byStatus ? bed.Ask(VhostUserRequest.SetStatus, 0ul) : bed.Ask(VhostUserRequest.ResetDevice, []);
        Assert.Equal(0, region.Mapped);
        bed.Send(VhostUserRequest.SetFeatures, VirtioFeatures.Version1 | VhostUserFeatures.ProtocolFeatures);
        bed.StartQueue(0);
        Assert.Null(bed.Device.Running(0)!.Setup.Inflight);
    }

    [Fact]
    public void A_region_that_the_front_end_takes_away_ends_the_connection()
    {
        using SessionBed bed = new SessionBed(watch: TimeSpan.FromMilliseconds(10)).Negotiate();
        FakeMemory region = new(4224);
        bed.Ask(VhostUserRequest.SetInflightFd, Description(4224, 0, 2, 128), bed.Give(region));
        region.IsLost = true;
        bed.ExpectFault("in-flight region");
    }

    private static byte[] Description(ulong size, ulong offset, ushort queues, ushort queueSize, int length = 24) =>
        [.. SessionBed.Bytes(new VhostUserInflightDescription(size, offset, queues, queueSize)), .. new byte[length - 20]];
}
