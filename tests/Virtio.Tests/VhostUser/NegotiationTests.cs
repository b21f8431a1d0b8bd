namespace Makatea.Virtio.Tests;

/// <summary>Features, protocol features, ownership, queue number.</summary>
public sealed class NegotiationTests
{
    private const ulong Base = VirtioFeatures.Version1 | VhostUserFeatures.ProtocolFeatures;

    [Fact]
    public void The_features_offered_are_the_devices_and_the_transports()
    {
        using SessionBed bed = new();
        Assert.Equal(
            bed.Device.Features | VhostUserFeatures.LogAll | VhostUserFeatures.ProtocolFeatures,
            bed.GetUInt64(VhostUserRequest.GetFeatures));
    }

    [Fact]
    public void The_protocol_features_offered_are_those_of_the_document()
    {
        using SessionBed bed = new();
        Assert.Equal(
            (1ul << 0) | (1ul << 1) | (1ul << 3) | (1ul << 5) | (1ul << 9) | (1ul << 12) | (1ul << 13) | (1ul << 15) | (1ul << 16),
            bed.GetUInt64(VhostUserRequest.GetProtocolFeatures));
    }

    [Fact]
    public void The_number_of_queues_can_be_asked_for_also_where_MQ_was_not_set()
    {
        using SessionBed bed = new(new FakeDevice(7));
        Assert.Equal(7ul, bed.GetUInt64(VhostUserRequest.GetQueueNum));
    }

    [Fact]
    public void QEMUs_opening_is_understood()
    {
        // hw/virtio/vhost-user.c, vhost_user_backend_init: protocol features, queues, slots and the back-end's channel come before the owner.
        using SessionBed bed = new();
        bed.Sync();
        bed.GetUInt64(VhostUserRequest.GetProtocolFeatures);
        bed.Send(VhostUserRequest.SetProtocolFeatures, (ulong)VhostUserProtocolFeatures.Offered);
        Assert.Equal(2ul, bed.GetUInt64(VhostUserRequest.GetQueueNum));
        Assert.Equal(509ul, bed.GetUInt64(VhostUserRequest.GetMaxMemorySlots));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetBackendRequestFd, [], bed.Give(FakeChannel.CreatePair().Theirs)));
        bed.Send(VhostUserRequest.SetOwner, []);
        bed.Sync();
        bed.Send(VhostUserRequest.SetVringCall, 0ul, bed.Give(new FakeDoorbell()));
        bed.Send(VhostUserRequest.SetVringError, 0ul, bed.Give(new FakeDoorbell()));
        bed.Send(VhostUserRequest.SetFeatures, Base);
        bed.Sync();
    }

    [Theory]
    [InlineData(1ul << 33)]
    [InlineData(1ul << 5)]
    [InlineData(1ul << 63)]
    public void A_feature_that_was_not_offered_ends_the_connection(ulong feature)
    {
        using SessionBed bed = new();
        bed.Send(VhostUserRequest.SetFeatures, Base | feature);
        bed.ExpectFault("SET_FEATURES", $"0x{feature:x}");
    }

    [Theory]
    [InlineData(1ul << 24)]
    [InlineData(1ul << 27)]
    [InlineData(1ul << 38)]
    public void A_feature_that_QEMU_lets_drivers_choose_by_itself_is_taken_and_not_passed_on(ulong feature)
    {
        using SessionBed bed = new SessionBed().Negotiate(Base | feature);
        bed.ShareMemory();
        bed.StartQueue(0);
        Assert.Equal(VirtioFeatures.Version1, bed.Device.Running(0)!.Setup.Features);
    }

    [Fact]
    public void Features_may_be_repeated_while_rings_run_and_stop_nothing()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.ShareMemory();
        bed.StartQueue(0);
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetFeatures, Base));
        Assert.Single(bed.Device.Workers);
    }

    [Fact]
    public void Features_may_not_change_while_rings_run()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.ShareMemory();
        bed.StartQueue(0);
        bed.Send(VhostUserRequest.SetFeatures, Base | VirtioFeatures.EventIndex);
        bed.ExpectFault("while rings run");
    }

    [Fact]
    public void Features_may_change_when_the_rings_were_stopped()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.ShareMemory();
        bed.StartQueue(0);
        bed.Get(VhostUserRequest.GetVringBase, SessionBed.Bytes(new VhostUserVringState(0, 0)));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetFeatures, Base | VirtioFeatures.EventIndex));
        bed.StartQueue(0);
        Assert.Equal(VirtioFeatures.Version1 | VirtioFeatures.EventIndex, bed.Device.Running(0)!.Setup.Features);
    }

    [Theory]
    [InlineData(1ul << 2)]
    [InlineData(1ul << 8)]
    [InlineData(1ul << 14)]
    [InlineData(1ul << 40)]
    public void A_protocol_feature_that_was_not_offered_ends_the_connection(ulong feature)
    {
        using SessionBed bed = new();
        bed.Send(VhostUserRequest.SetProtocolFeatures, feature);
        bed.ExpectFault("SET_PROTOCOL_FEATURES", $"0x{feature:x}");
    }

    [Fact]
    public void A_second_owner_ends_the_connection()
    {
        using SessionBed bed = new();
        bed.Send(VhostUserRequest.SetOwner, []);
        bed.Send(VhostUserRequest.SetOwner, []);
        bed.ExpectFault("SET_OWNER", "once");
    }

    [Fact]
    public void RESET_OWNER_disables_all_rings_and_they_can_be_enabled_again()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.ShareMemory();
        bed.StartQueue(0);
        bed.StartQueue(1);
        bed.Send(VhostUserRequest.ResetOwner, []);
        bed.Send(VhostUserRequest.SetOwner, []);
        bed.Sync();
        Assert.DoesNotContain(bed.Device.Workers, w => w.IsRunning);
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringEnable, new VhostUserVringState(1, 1)));
        Assert.NotNull(bed.Device.Running(1));
        Assert.Null(bed.Device.Running(0));
    }
}
