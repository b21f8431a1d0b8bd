using System.Runtime.InteropServices;

namespace Makatea.Virtio.Tests;

/// <summary>When rings are served, and where they go on (vhost-user, "Ring states").</summary>
public sealed class RingStateTests
{
    private const ulong Base = VirtioFeatures.Version1 | VhostUserFeatures.ProtocolFeatures;

    [Fact]
    public void A_ring_starts_with_what_was_said_about_it()
    {
        using SessionBed bed = new SessionBed().Negotiate(Base | VirtioFeatures.EventIndex);
        FakeMemory memory = bed.ShareMemory();
        BitConverter.TryWriteBytes(memory.Bytes[0x5002..], (ushort)0x1fff);
        FakeDoorbell error = new();
        bed.Send(VhostUserRequest.SetVringError, 1ul, bed.Give(error));
        (FakeDoorbell kick, FakeDoorbell call) = bed.StartQueue(1, 64, 0x2000);
        QueueSetup setup = bed.Device.Running(1)!.Setup;
        Assert.Equal(1, setup.Index);
        Assert.Equal(64, setup.Size);
        Assert.Equal(VirtioFeatures.Version1 | VirtioFeatures.EventIndex, setup.Features);
        Assert.Equal(new RingPosition(0x2000, true, 0x1fff, true), setup.Position);
        Assert.Same(kick, setup.Kick);
        Assert.Same(call, setup.Call);
        Assert.Same(error, setup.Error);
        Assert.Null(setup.Inflight);
        Assert.Null(setup.DirtyLog);
        Assert.Equal(64 * 16, setup.DescriptorArea.Length);
        Assert.Equal(6 + (2 * 64), setup.DriverArea.Length);
        Assert.Equal(6 + (8 * 64), setup.DeviceArea.Length);
        Assert.Equal(0x1000, setup.DeviceArea.Address - setup.DescriptorArea.Address);
        Assert.Equal(0x2000, setup.DriverArea.Address - setup.DescriptorArea.Address);
        Assert.Null(bed.Device.Running(0));
    }

    [Fact]
    public void The_call_is_rung_at_the_start_and_when_it_is_replaced()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.ShareMemory();
        (_, FakeDoorbell call) = bed.StartQueue(0);
        Assert.NotEqual(0, call.Rings);
        FakeDoorbell next = new();
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringCall, 0ul, bed.Give(next)));
        FakeWorker worker = Assert.Single(bed.Device.Workers);
        Assert.Same(next, worker.Call);
        Assert.True(call.IsDisposed);
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringCall, 0x100ul));
        Assert.Null(worker.Call);
        Assert.True(next.IsDisposed);
    }

    [Fact]
    public void Every_order_of_the_messages_starts_the_ring_with_the_last()
    {
        Action<SessionBed>[] steps =
        [
            b => b.Send(VhostUserRequest.SetVringNum, new VhostUserVringState(0, 128)),
            b => b.Send(VhostUserRequest.SetVringAddress, SessionBed.Address(0)),
            b => b.Send(VhostUserRequest.SetVringKick, 0ul, b.Give(new FakeDoorbell())),
            b => b.Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 1)),
            b => b.ShareMemory(),
        ];
        foreach (int[] order in Permutations(steps.Length))
        {
            using SessionBed bed = new SessionBed().Negotiate();
            foreach (int step in order[..^1])
            {
                steps[step](bed);
            }

            bed.Sync();
            Assert.Empty(bed.Device.Workers);
            steps[order[^1]](bed);
            bed.Sync();
            Assert.NotNull(bed.Device.Running(0));
        }
    }

    [Fact]
    public void Without_protocol_features_a_ring_is_enabled_from_the_start()
    {
        using SessionBed bed = new();
        bed.Send(VhostUserRequest.SetFeatures, VirtioFeatures.Version1);
        bed.ShareMemory();
        bed.Send(VhostUserRequest.SetVringNum, new VhostUserVringState(0, 128));
        bed.Send(VhostUserRequest.SetVringAddress, SessionBed.Address(0));
        bed.Send(VhostUserRequest.SetVringKick, 0ul, bed.Give(new FakeDoorbell()));
        bed.Sync();
        Assert.NotNull(bed.Device.Running(0));
    }

    [Fact]
    public void SPDKs_order_enables_before_anything_else()
    {
        // lib/virtio/virtio_vhost_user.c: ENABLE when the queue is made; CALL, memory, NUM, BASE, ADDR, KICK when the device starts.
        using SessionBed bed = new();
        bed.Send(VhostUserRequest.SetOwner, []);
        bed.Sync();
        bed.Send(VhostUserRequest.SetFeatures, Base);
        bed.GetUInt64(VhostUserRequest.GetProtocolFeatures);
        bed.Send(VhostUserRequest.SetProtocolFeatures, (ulong)(VhostUserProtocolFeatures.MultiQueue | VhostUserProtocolFeatures.Config));
        bed.Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 1));
        bed.GetUInt64(VhostUserRequest.GetQueueNum);
        bed.Send(VhostUserRequest.SetVringCall, 0ul, bed.Give(new FakeDoorbell()));
        bed.ShareMemory();
        bed.Send(VhostUserRequest.SetVringNum, new VhostUserVringState(0, 256));
        bed.Send(VhostUserRequest.SetVringBase, new VhostUserVringState(0, 0));
        bed.Send(VhostUserRequest.SetVringAddress, SessionBed.Address(0));
        bed.Send(VhostUserRequest.SetVringKick, 0ul, bed.Give(new FakeDoorbell()));
        bed.Sync();
        Assert.NotNull(bed.Device.Running(0));
        Assert.Single(bed.Device.Workers);
    }

    [Fact]
    public void A_ring_without_kick_is_polled()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.ShareMemory();
        bed.Send(VhostUserRequest.SetVringNum, new VhostUserVringState(0, 128));
        bed.Send(VhostUserRequest.SetVringAddress, SessionBed.Address(0));
        bed.Send(VhostUserRequest.SetVringKick, 0x100ul);
        bed.Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 1));
        bed.Sync();
        Assert.Null(bed.Device.Running(0)!.Setup.Kick);
    }

    [Fact]
    public void A_ring_that_is_disabled_stops_and_goes_on_where_it_stood()
    {
        FakeDevice device = new() { StopsAt = new RingPosition(40, true, 40, true) };
        using SessionBed bed = new SessionBed(device).Negotiate();
        bed.ShareMemory();
        (FakeDoorbell kick, FakeDoorbell call) = bed.StartQueue(0);
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 0)));
        Assert.Null(device.Running(0));
        Assert.False(kick.IsDisposed || call.IsDisposed);
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 1)));
        Assert.Equal(device.StopsAt, device.Running(0)!.Setup.Position);
    }

    [Fact]
    public void GET_VRING_BASE_stops_the_ring_tells_where_it_stands_and_forgets_its_doorbells()
    {
        FakeDevice device = new() { StopsAt = new RingPosition(0xfff0, true, 0xfff0, true) };
        using SessionBed bed = new SessionBed(device).Negotiate();
        bed.ShareMemory();
        (FakeDoorbell kick, FakeDoorbell call) = bed.StartQueue(1);
        Assert.Equal(new VhostUserVringState(1, 0xfff0), GetBase(bed, 1));
        Assert.Null(device.Running(1));
        Assert.True(kick.IsDisposed && call.IsDisposed);

        // Asking again changes nothing, and the ring starts again only when it is kicked anew.
        Assert.Equal(new VhostUserVringState(1, 0xfff0), GetBase(bed, 1));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringEnable, new VhostUserVringState(1, 1)));
        Assert.Null(device.Running(1));
        bed.Send(VhostUserRequest.SetVringKick, 1ul, bed.Give(new FakeDoorbell()));
        bed.Sync();
        Assert.Equal(0xfff0, device.Running(1)!.Setup.Position.Available);
    }

    [Fact]
    public void GET_VRING_BASE_of_a_ring_that_never_ran_gives_the_base_that_was_set()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        Assert.Equal(new VhostUserVringState(0, 0), GetBase(bed, 0));
        bed.Send(VhostUserRequest.SetVringBase, new VhostUserVringState(0, 1234));
        Assert.Equal(new VhostUserVringState(0, 1234), GetBase(bed, 0));
    }

    [Theory]
    [InlineData(0x8000_8000u, 0, true, 0, true)]
    [InlineData(0x0005_8007u, 7, true, 5, false)]
    [InlineData(0x8003_0002u, 2, false, 3, true)]
    [InlineData(0x0000_8000u, 0, true, 0, true)]
    [InlineData(0x0000_0009u, 9, false, 9, false)]
    public void The_base_of_a_packed_ring_holds_slots_and_wrap_counters(uint value, ushort available, bool availableWrap, ushort used, bool usedWrap)
    {
        using SessionBed bed = new SessionBed().Negotiate(Base | VirtioFeatures.PackedRing);
        bed.ShareMemory();
        bed.StartQueue(0, 100, value);
        QueueSetup setup = bed.Device.Running(0)!.Setup;
        RingPosition expected = new(available, availableWrap, used, usedWrap);
        Assert.Equal(expected, setup.Position);
        Assert.Equal(4, setup.DriverArea.Length);
        Assert.Equal(4, setup.DeviceArea.Length);
        Assert.Equal(VhostUserVringBase.Encode(expected, packed: true), GetBase(bed, 0).Num);
    }

    [Fact]
    public void The_encoding_of_a_packed_position_is_QEMUs()
    {
        // hw/virtio/virtio.c, virtio_queue_packed_get_last_avail_idx.
        Assert.Equal(0x8005_0007u, VhostUserVringBase.Encode(new RingPosition(7, false, 5, true), packed: true));
        Assert.Equal(0x0005_8007u, VhostUserVringBase.Encode(new RingPosition(7, true, 5, false), packed: true));
        Assert.Equal(0xffffu, VhostUserVringBase.Encode(new RingPosition(0xffff, true, 0xfffe, true), packed: false));
    }

    [Theory]
    [InlineData(0x1_0000u, 0ul, "0xffff")]
    [InlineData(0x8000_0064u, VirtioFeatures.PackedRing, "below 100")]
    [InlineData(0x0064_0001u, VirtioFeatures.PackedRing, "below 100")]
    public void A_base_that_cannot_be_ends_the_connection(uint value, ulong features, string message)
    {
        using SessionBed bed = new SessionBed().Negotiate(Base | features);
        bed.ShareMemory();
        bed.Send(VhostUserRequest.SetVringNum, new VhostUserVringState(0, 100));
        bed.Send(VhostUserRequest.SetVringBase, new VhostUserVringState(0, value));
        bed.Send(VhostUserRequest.SetVringAddress, SessionBed.Address(0));
        bed.Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 1));
        bed.Send(VhostUserRequest.SetVringKick, 0ul, bed.Give(new FakeDoorbell()));
        bed.ExpectFault($"0x{value:x}", message);
    }

    [Fact]
    public void A_new_kick_or_error_doorbell_goes_on_at_the_same_position()
    {
        FakeDevice device = new() { StopsAt = new RingPosition(3, true, 3, true) };
        using SessionBed bed = new SessionBed(device).Negotiate();
        bed.ShareMemory();
        (FakeDoorbell kick, FakeDoorbell call) = bed.StartQueue(0);
        FakeDoorbell next = new();
        FakeDoorbell error = new();
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringKick, 0ul, bed.Give(next)));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringError, 0ul, bed.Give(error)));
        QueueSetup setup = device.Running(0)!.Setup;
        Assert.Same(next, setup.Kick);
        Assert.Same(error, setup.Error);
        Assert.Same(call, setup.Call);
        Assert.True(kick.IsDisposed);
        Assert.Equal(device.StopsAt, setup.Position);
    }

    [Fact]
    public void A_broken_ring_is_served_again_only_after_it_was_stopped_and_set_up_anew()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.ShareMemory();
        bed.StartQueue(0);
        bed.StartQueue(1);
        bed.Device.Running(0)!.Break(RingFault.NextOutOfRange);
        bed.ShareMemory();
        bed.Send(VhostUserRequest.SetVringKick, 0ul, bed.Give(new FakeDoorbell()));
        bed.Sync();
        Assert.Null(bed.Device.Running(0));
        Assert.NotNull(bed.Device.Running(1));
        GetBase(bed, 0);
        bed.StartQueue(0);
        Assert.NotNull(bed.Device.Running(0));
    }

    [Fact]
    public void A_ring_outside_the_memory_ends_the_connection()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.ShareMemory();
        bed.Send(VhostUserRequest.SetVringNum, new VhostUserVringState(0, 128));
        bed.Send(VhostUserRequest.SetVringAddress, SessionBed.Address(0) with { Used = SessionBed.UserBase + SessionBed.MemoryLength - 8 });
        bed.Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 1));
        bed.Send(VhostUserRequest.SetVringKick, 0ul, bed.Give(new FakeDoorbell()));
        bed.ExpectFault("queue 0", "outside the memory granted");
    }

    [Fact]
    public void A_ring_that_the_device_refuses_ends_the_connection()
    {
        using SessionBed bed = new SessionBed(new FakeDevice { Refusal = "must be aligned to 16 bytes" }).Negotiate();
        bed.ShareMemory();
        bed.Send(VhostUserRequest.SetVringNum, new VhostUserVringState(0, 128));
        bed.Send(VhostUserRequest.SetVringAddress, SessionBed.Address(0));
        bed.Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 1));
        bed.Send(VhostUserRequest.SetVringKick, 0ul, bed.Give(new FakeDoorbell()));
        bed.ExpectFault("queue 0 cannot be served", "must be aligned to 16 bytes");
    }

    public static TheoryData<uint, byte[]> IndexOutOfRange => new()
    {
        { (uint)VhostUserRequest.SetVringNum, SessionBed.Bytes(new VhostUserVringState(2, 128)) },
        { (uint)VhostUserRequest.SetVringBase, SessionBed.Bytes(new VhostUserVringState(0xffff_ffff, 0)) },
        { (uint)VhostUserRequest.GetVringBase, SessionBed.Bytes(new VhostUserVringState(2, 0)) },
        { (uint)VhostUserRequest.SetVringEnable, SessionBed.Bytes(new VhostUserVringState(2, 1)) },
        { (uint)VhostUserRequest.SetVringAddress, SessionBed.Bytes(SessionBed.Address(2)) },
        { (uint)VhostUserRequest.SetVringKick, SessionBed.Bytes(0x102ul) },
        { (uint)VhostUserRequest.SetVringCall, SessionBed.Bytes(0x1fful) },
        { (uint)VhostUserRequest.SetVringError, SessionBed.Bytes(0x102ul) },
    };

    [Theory]
    [MemberData(nameof(IndexOutOfRange))]
    public void A_queue_that_the_device_does_not_have_ends_the_connection(uint request, byte[] payload)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send((VhostUserRequest)request, payload);
        bed.ExpectFault(VhostUserRequestTable.NameOf(request), "there are 2");
    }

    public static TheoryData<uint, byte[], string> BadValues => new()
    {
        { (uint)VhostUserRequest.SetVringNum, SessionBed.Bytes(new VhostUserVringState(0, 0)), "1 to 256" },
        { (uint)VhostUserRequest.SetVringNum, SessionBed.Bytes(new VhostUserVringState(0, 257)), "1 to 256" },
        { (uint)VhostUserRequest.SetVringNum, SessionBed.Bytes(new VhostUserVringState(0, 0x1_0080)), "1 to 256" },
        { (uint)VhostUserRequest.SetVringEnable, SessionBed.Bytes(new VhostUserVringState(0, 2)), "0 and 1" },
        { (uint)VhostUserRequest.SetVringAddress, SessionBed.Bytes(SessionBed.Address(0) with { Flags = 2 }), "bit 0" },
        { (uint)VhostUserRequest.SetVringKick, SessionBed.Bytes(0x300ul), "0x1ff" },
        { (uint)VhostUserRequest.SetVringCall, SessionBed.Bytes(1ul << 63), "0x1ff" },
        { (uint)VhostUserRequest.SetVringKick, SessionBed.Bytes(0ul), "0 descriptors" },
        { (uint)VhostUserRequest.SetVringCall, SessionBed.Bytes(1ul), "0 descriptors" },
        { (uint)VhostUserRequest.SetVringError, SessionBed.Bytes(1ul), "0 descriptors" },
    };

    [Theory]
    [MemberData(nameof(BadValues))]
    public void A_value_that_is_not_allowed_ends_the_connection(uint request, byte[] payload, string message)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send((VhostUserRequest)request, payload);
        bed.ExpectFault(VhostUserRequestTable.NameOf(request), message);
    }

    [Theory]
    [InlineData((uint)VhostUserRequest.SetVringKick)]
    [InlineData((uint)VhostUserRequest.SetVringCall)]
    [InlineData((uint)VhostUserRequest.SetVringError)]
    public void A_descriptor_where_the_message_says_none_ends_the_connection(uint request)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send((VhostUserRequest)request, 0x100ul, bed.Give(new FakeDoorbell()));
        bed.ExpectFault("1 descriptors");
    }

    [Theory]
    [InlineData((uint)VhostUserRequest.SetVringKick)]
    [InlineData((uint)VhostUserRequest.SetVringCall)]
    [InlineData((uint)VhostUserRequest.SetVringError)]
    public void A_descriptor_that_is_no_doorbell_ends_the_connection(uint request)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        using FakeMemory memory = new(1);
        bed.Send((VhostUserRequest)request, 0ul, bed.Give(memory));
        bed.ExpectFault("no doorbell", "not an eventfd");
    }

    [Theory]
    [InlineData((uint)VhostUserRequest.SetVringNum)]
    [InlineData((uint)VhostUserRequest.SetVringBase)]
    public void Size_and_base_cannot_change_while_the_ring_runs(uint request)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.ShareMemory();
        bed.StartQueue(0);
        bed.Send((VhostUserRequest)request, new VhostUserVringState(0, 1));
        bed.ExpectFault("while queue 0 runs");
    }

    [Theory]
    [InlineData(null)]
    [InlineData(VirtioFeatures.Version1)]
    public void ENABLE_without_the_feature_ends_the_connection(ulong? features)
    {
        using SessionBed bed = new();
        if (features is ulong set)
        {
            bed.Send(VhostUserRequest.SetFeatures, set);
        }

        bed.Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 1));
        bed.ExpectFault("SET_VRING_ENABLE", "VHOST_USER_F_PROTOCOL_FEATURES");
    }

    [Fact]
    public void ENABLE_is_taken_where_only_the_protocol_features_were_set()
    {
        // QEMU 7.2 under SeaBIOS: SET_FEATURES has what the driver chose alone, so rings start enabled, and QEMU enables and disables them all the same.
        using SessionBed bed = new();
        bed.Send(VhostUserRequest.SetProtocolFeatures, (ulong)VhostUserProtocolFeatures.Offered);
        bed.Send(VhostUserRequest.SetFeatures, VirtioFeatures.Version1);
        bed.ShareMemory();
        bed.StartQueue(0);
        Assert.NotNull(bed.Device.Running(0));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 0)));
        Assert.Null(bed.Device.Running(0));
    }

    private static VhostUserVringState GetBase(SessionBed bed, uint index) =>
        MemoryMarshal.Read<VhostUserVringState>(bed.Get(VhostUserRequest.GetVringBase, SessionBed.Bytes(new VhostUserVringState(index, 0))));

    private static IEnumerable<int[]> Permutations(int count)
    {
        if (count == 0)
        {
            return [[]];
        }

        return Permutations(count - 1).SelectMany(p => Enumerable.Range(0, count).Select(i => (int[])[.. p[..i], count - 1, .. p[i..]]));
    }
}
