using System.Runtime.InteropServices;

namespace Makatea.Virtio.Tests;

/// <summary>SET_STATUS, GET_STATUS, RESET_DEVICE ([VIRTIO-1.3] 2.1, 3.1.1).</summary>
public sealed class StatusTests
{
    [Fact]
    public void The_status_reads_as_it_was_written()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        Assert.Equal(0ul, bed.GetUInt64(VhostUserRequest.GetStatus));
        bed.Send(VhostUserRequest.SetStatus, 0xful);
        Assert.Equal(0xful, bed.GetUInt64(VhostUserRequest.GetStatus));
    }

    [Fact]
    public void FEATURES_OK_does_not_stay_on_before_features_were_set()
    {
        using SessionBed bed = new();
        bed.Send(VhostUserRequest.SetProtocolFeatures, (ulong)VhostUserProtocolFeatures.Status);
        bed.Send(VhostUserRequest.SetStatus, 0xbul);
        Assert.Equal(3ul, bed.GetUInt64(VhostUserRequest.GetStatus));
        bed.Send(VhostUserRequest.SetFeatures, VirtioFeatures.Version1);
        bed.Send(VhostUserRequest.SetStatus, 0xbul);
        Assert.Equal(0xbul, bed.GetUInt64(VhostUserRequest.GetStatus));
    }

    [Theory]
    [InlineData(0x10ul)]
    [InlineData(0x100ul)]
    [InlineData(1ul << 63)]
    public void A_bit_that_is_not_defined_ends_the_connection(ulong status)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send(VhostUserRequest.SetStatus, status);
        bed.ExpectFault("SET_STATUS", $"0x{status:x}");
    }

    [Fact]
    public void A_broken_queue_shows_as_NEEDS_RESET_until_the_reset_and_drivers_cannot_write_the_bit()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.ShareMemory();
        bed.StartQueue(0);
        bed.Send(VhostUserRequest.SetStatus, 0x4ful);
        Assert.Equal(0xful, bed.GetUInt64(VhostUserRequest.GetStatus));
        bed.Device.Running(0)!.Break(RingFault.ChainLoops);
        Assert.Equal(0x4ful, bed.GetUInt64(VhostUserRequest.GetStatus));
        bed.Send(VhostUserRequest.SetStatus, 0xful);
        Assert.Equal(0x4ful, bed.GetUInt64(VhostUserRequest.GetStatus));
        bed.Send(VhostUserRequest.SetStatus, 0ul);
        Assert.Equal(0ul, bed.GetUInt64(VhostUserRequest.GetStatus));
    }

    [Fact]
    public void Status_0_stops_all_rings_and_forgets_their_description_and_the_features_but_not_the_memory()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory memory = bed.ShareMemory();
        (FakeDoorbell kick, FakeDoorbell call) = bed.StartQueue(0);
        bed.Send(VhostUserRequest.SetStatus, 0ul);
        bed.Sync();
        Assert.Null(bed.Device.Running(0));
        Assert.True(kick.IsDisposed && call.IsDisposed);
        Assert.Equal(1, memory.Mapped);

        bed.Send(VhostUserRequest.SetVringKick, 0ul, bed.Give(new FakeDoorbell()));
        bed.Send(VhostUserRequest.SetFeatures, VirtioFeatures.Version1 | VhostUserFeatures.ProtocolFeatures);
        bed.Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 1));
        bed.Sync();
        Assert.Null(bed.Device.Running(0));
        bed.StartQueue(0);
        Assert.NotNull(bed.Device.Running(0));
    }

    [Fact]
    public void Status_0_keeps_what_the_driver_wrote_to_configuration_space()
    {
        // QEMU sends it when the machine pauses, and goes on with its copy of configuration space.
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send(VhostUserRequest.SetStatus, 0ul);
        bed.Sync();
        Assert.Equal(0, bed.Device.Resets);
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(VirtioFeatures.PackedRing)]
    public void Status_0_keeps_where_the_rings_stand_for_the_GET_VRING_BASE_that_QEMU_sends_after_it(ulong ring)
    {
        using SessionBed bed = new SessionBed(new FakeDevice { StopsAt = new RingPosition(5, true, 5, true) })
            .Negotiate(VirtioFeatures.Version1 | VhostUserFeatures.ProtocolFeatures | ring);
        bed.ShareMemory();
        bed.StartQueue(0);
        bed.Send(VhostUserRequest.SetStatus, 0ul);
        uint position = ring == 0 ? 5u : 0x8005_8005u;
        Assert.Equal(new VhostUserVringState(0, position),
            MemoryMarshal.Read<VhostUserVringState>(bed.Get(VhostUserRequest.GetVringBase, SessionBed.Bytes(new VhostUserVringState(0, 0)))));
    }

    [Fact]
    public void RESET_DEVICE_resets_rings_and_device_and_keeps_memory_owner_and_protocol_features()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory memory = bed.ShareMemory();
        bed.StartQueue(0);
        bed.Send(VhostUserRequest.SetStatus, 0xful);
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.ResetDevice, []));
        Assert.Equal(1, bed.Device.Resets);
        Assert.Null(bed.Device.Running(0));
        Assert.Equal(0ul, bed.GetUInt64(VhostUserRequest.GetStatus));
        Assert.Equal(1, memory.Mapped);
        bed.Send(VhostUserRequest.SetFeatures, VirtioFeatures.Version1 | VhostUserFeatures.ProtocolFeatures);
        bed.StartQueue(0);
        Assert.NotNull(bed.Device.Running(0));
        bed.Send(VhostUserRequest.SetOwner, []);
        bed.ExpectFault("SET_OWNER");
    }

    [Fact]
    public void The_error_doorbell_outlives_resets()
    {
        // QEMU sets it once a connection (vhost_virtqueue_init).
        using SessionBed bed = new SessionBed().Negotiate();
        FakeDoorbell error = new();
        bed.Send(VhostUserRequest.SetVringError, 0ul, bed.Give(error));
        bed.ShareMemory();
        bed.StartQueue(0);
        bed.Send(VhostUserRequest.SetStatus, 0ul);
        bed.Send(VhostUserRequest.SetFeatures, VirtioFeatures.Version1 | VhostUserFeatures.ProtocolFeatures);
        bed.StartQueue(0);
        Assert.Same(error, bed.Device.Running(0)!.Setup.Error);
    }
}
