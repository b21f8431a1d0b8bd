using Makatea.Platform;

namespace Makatea.Virtio.Tests;

/// <summary>SET_MEM_TABLE, ADD_MEM_REG, REM_MEM_REG (vhost-user, "Memory access").</summary>
public sealed class MemoryTableTests
{
    private const ulong Half = SessionBed.MemoryLength / 2;

    [Fact]
    public void A_table_is_mapped_and_reaches_the_queues()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory memory = bed.ShareMemory();
        bed.StartQueue(0);
        GuestMemory seen = bed.Device.Running(0)!.Setup.Memory;
        memory.Bytes[0x1234] = 99;
        Assert.True(seen.TryTranslate(SessionBed.GuestBase + 0x1234, 1, MemoryAccess.ReadWrite, out MemorySegment segment));
        Assert.Equal(99, segment.AsSpan()[0]);
        Assert.False(seen.TryTranslate(SessionBed.GuestBase + SessionBed.MemoryLength, 1, MemoryAccess.Read, out _));
    }

    [Fact]
    public void Eight_regions_fit_a_table()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory memory = new(0x8000);
        VhostUserMemoryRegion[] regions = [.. Enumerable.Range(0, 8).Select(i => SessionBed.Region((ulong)i * 0x1000, 0x1000))];
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetMemoryTable, SessionBed.Table(regions), [.. regions.Select(_ => bed.Give(memory))]));
        Assert.Equal(8, memory.Mapped);
    }

    [Fact]
    public void A_new_table_replaces_the_old_one()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory first = bed.ShareMemory();
        FakeMemory second = bed.ShareMemory();
        Assert.Equal(0, first.Mapped);
        Assert.Equal(1, second.Mapped);
    }

    [Fact]
    public void The_device_is_told_of_memory_before_it_is_used_and_before_it_goes()
    {
        FakeDevice device = new();
        using (SessionBed bed = new SessionBed(device).Negotiate())
        {
            bed.ShareMemory();
            bed.StartQueue(0);
            MappedMemory first = Assert.Single(device.Memory);
            bed.ShareMemory();
            Assert.NotSame(first, Assert.Single(device.Memory));
        }

        Assert.Empty(device.Memory);
    }

    [Fact]
    public void Memory_that_hardware_cannot_reach_is_served_all_the_same()
    {
        FakeDevice device = new() { MemoryRefusal = new IOException("no room") };
        using SessionBed bed = new SessionBed(device).Negotiate();
        FakeMemory memory = bed.ShareMemory();
        bed.StartQueue(0);
        Assert.True(device.Running(0)!.IsRunning);
        bed.ShareMemory();
        Assert.Equal(0, memory.Mapped);
    }

    [Fact]
    public void A_new_table_under_running_queues_stops_them_and_goes_on_at_the_same_position()
    {
        FakeDevice device = new() { StopsAt = new RingPosition(7, true, 7, true) };
        using SessionBed bed = new SessionBed(device).Negotiate();
        bed.ShareMemory();
        (FakeDoorbell kick, _) = bed.StartQueue(0);
        bed.ShareMemory();
        Assert.Equal(2, device.Workers.Count);
        FakeWorker worker = device.Running(0)!;
        Assert.Equal(device.StopsAt, worker.Setup.Position);
        Assert.Same(kick, worker.Setup.Kick);
        Assert.False(kick.IsDisposed);
    }

    [Theory]
    [InlineData(9u, 8 + (9 * 32), 8)]
    [InlineData(1u, 8 + 64, 1)]
    [InlineData(2u, 8 + 32, 2)]
    [InlineData(1u, 8 + 32, 0)]
    [InlineData(1u, 8 + 32, 2)]
    [InlineData(0xffff_ffffu, 8, 0)]
    [InlineData(0x0800_0000u, 8, 0)]
    public void Region_count_length_and_descriptors_must_agree(uint count, int length, int descriptors)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        byte[] payload = new byte[Math.Min(length, 264)];
        SessionBed.Bytes(count).CopyTo(payload, 0);
        FakeMemory memory = new(0x1000);
        bed.Send(VhostUserRequest.SetMemoryTable, payload, [.. Enumerable.Range(0, descriptors).Select(_ => bed.Give(memory))]);
        bed.ExpectFault("SET_MEM_TABLE", $"{descriptors} descriptors");
    }

    public static TheoryData<ulong, ulong, ulong, ulong, string> BadRegions => new()
    {
        { SessionBed.GuestBase, 0, 0, 0, "empty" },
        { SessionBed.GuestBase, ulong.MaxValue, 0, 0, "empty or wraps" },
        { SessionBed.GuestBase, 0x1000, 0, ulong.MaxValue, "wraps" },
        { SessionBed.GuestBase, 0x1000, 0, long.MaxValue, "wraps" },
        { ulong.MaxValue - 0xffe, 0x1000, 0, 0, "wraps" },
        { SessionBed.GuestBase, 0x1000, ulong.MaxValue - 0xffe, 0, "wraps" },
        { SessionBed.GuestBase, 0x1000, 0, 0x1001, "cannot be mapped" },
        { SessionBed.GuestBase, 0x2001, 0, 0, "cannot be mapped" },
    };

    [Theory]
    [MemberData(nameof(BadRegions))]
    public void A_region_that_cannot_be_ends_the_connection_in_a_table(ulong guest, ulong size, ulong user, ulong offset, string message)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory memory = new(0x2000);
        VhostUserMemoryRegion good = new(0x1000, 0x1000, 0x1000, 0);
        bed.Send(VhostUserRequest.SetMemoryTable, SessionBed.Table(good, new(guest, size, user, offset)), bed.Give(memory), bed.Give(memory));
        bed.ExpectFault(message);
    }

    [Theory]
    [MemberData(nameof(BadRegions))]
    public void A_region_that_cannot_be_is_refused_by_ADD_MEM_REG_and_rings_go_on(ulong guest, ulong size, ulong user, ulong offset, string message)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory memory = bed.ShareMemory();
        bed.StartQueue(0);
        FakeMemory other = new(0x2000);
        VhostUserSingleRegion region = new(0, new(guest == SessionBed.GuestBase ? 0 : guest, size, user, offset));
        Assert.NotEqual(0ul, bed.Ask(VhostUserRequest.AddMemoryRegion, region, bed.Give(other)));
        Assert.NotNull(bed.Device.Running(0));
        Assert.Equal(1, memory.Mapped);
        bed.Send(VhostUserRequest.AddMemoryRegion, region, bed.Give(other));
        bed.ExpectFault("ADD_MEM_REG", message);
    }

    [Theory]
    [InlineData(0ul, 0x1000ul)]
    [InlineData(0xffful, 0x1000ul)]
    [InlineData(0x800ul, 0x10ul)]
    public void Regions_that_overlap_are_refused(ulong guest, ulong size)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory memory = new(0x2000);
        bed.Send(
            VhostUserRequest.SetMemoryTable,
            SessionBed.Table(new(0, 0x1000, 0, 0), new(guest, size, 0x10000, 0)),
            bed.Give(memory),
            bed.Give(memory));
        bed.ExpectFault("overlap");
    }

    [Fact]
    public void A_descriptor_that_is_no_memory_ends_the_connection()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send(VhostUserRequest.SetMemoryTable, SessionBed.Table(SessionBed.Region(0, 0x1000)), bed.Give(new FakeDoorbell()));
        bed.ExpectFault("cannot be mapped", "not memory");
    }

    [Fact]
    public void Regions_come_and_go_one_by_one()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory memory = new(SessionBed.MemoryLength);
        VhostUserSingleRegion low = new(0, SessionBed.Region(0, Half));
        VhostUserSingleRegion high = new(0, SessionBed.Region(Half, Half));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.AddMemoryRegion, low, bed.Give(memory)));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.AddMemoryRegion, high, bed.Give(memory)));
        Assert.Equal(2, memory.Mapped);
        Assert.NotEqual(0ul, bed.Ask(VhostUserRequest.AddMemoryRegion, high, bed.Give(memory)));

        // "The mmap offset is ignored."
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.RemoveMemoryRegion, high with { Region = high.Region with { MapOffset = 0 } }));
        Assert.Equal(1, memory.Mapped);
        Assert.NotEqual(0ul, bed.Ask(VhostUserRequest.RemoveMemoryRegion, high));
        Assert.NotEqual(0ul, bed.Ask(VhostUserRequest.RemoveMemoryRegion, low with { Region = low.Region with { Size = 1 } }));
        Assert.NotEqual(0ul, bed.Ask(VhostUserRequest.RemoveMemoryRegion, low with { Region = low.Region with { UserAddress = 1 } }));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.RemoveMemoryRegion, low, bed.Give(memory)));
        Assert.Equal(0, memory.Mapped);
    }

    [Fact]
    public void Removing_what_is_not_there_ends_the_connection_of_a_front_end_that_does_not_ask()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send(VhostUserRequest.RemoveMemoryRegion, new VhostUserSingleRegion(0, SessionBed.Region(0, 0x1000)));
        bed.ExpectFault("REM_MEM_REG", "there is no");
    }

    [Fact]
    public void A_ring_waits_while_its_region_is_gone_and_goes_on_when_it_is_back()
    {
        FakeDevice device = new() { StopsAt = new RingPosition(9, true, 9, true) };
        using SessionBed bed = new SessionBed(device).Negotiate();
        FakeMemory memory = new(SessionBed.MemoryLength);
        VhostUserSingleRegion low = new(0, SessionBed.Region(0, Half));
        VhostUserSingleRegion high = new(0, SessionBed.Region(Half, Half));
        bed.Ask(VhostUserRequest.AddMemoryRegion, low, bed.Give(memory));
        bed.Ask(VhostUserRequest.AddMemoryRegion, high, bed.Give(memory));
        bed.StartQueue(0);
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.RemoveMemoryRegion, low));
        Assert.Null(device.Running(0));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.AddMemoryRegion, low, bed.Give(memory)));
        Assert.Equal(device.StopsAt, device.Running(0)!.Setup.Position);
    }

    [Fact]
    public void More_regions_than_there_are_slots_are_refused()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory memory = new(0x1000);
        ulong slots = bed.GetUInt64(VhostUserRequest.GetMaxMemorySlots);
        for (ulong i = 0; i < slots; i++)
        {
            Assert.Equal(0ul, bed.Ask(VhostUserRequest.AddMemoryRegion, new VhostUserSingleRegion(0, new(i * 0x1000, 0x1000, i * 0x1000, 0)), bed.Give(memory)));
        }

        VhostUserSingleRegion next = new(0, new(slots * 0x1000, 0x1000, slots * 0x1000, 0));
        Assert.NotEqual(0ul, bed.Ask(VhostUserRequest.AddMemoryRegion, next, bed.Give(memory)));
        Assert.Equal((int)slots, memory.Mapped);
    }

    [Fact]
    public void Memory_that_the_front_end_takes_away_ends_the_connection()
    {
        using SessionBed bed = new SessionBed(watch: TimeSpan.FromMilliseconds(10)).Negotiate();
        FakeMemory memory = bed.ShareMemory();
        bed.StartQueue(0);
        bed.Sync();
        memory.IsLost = true;
        bed.ExpectFault("guest memory", "truncated");
    }

    [Fact]
    public void A_queue_that_breaks_for_lost_memory_ends_the_connection_at_once()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        FakeMemory memory = bed.ShareMemory();
        bed.StartQueue(0);
        memory.IsLost = true;
        bed.Device.Running(0)!.Break(RingFault.AvailableIndexJumped);
        bed.ExpectFault("guest memory");
    }
}
