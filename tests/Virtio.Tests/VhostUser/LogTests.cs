namespace Makatea.Virtio.Tests;

/// <summary>SET_LOG_BASE, SET_LOG_FD, LOG_ALL, VHOST_VRING_F_LOG (vhost-user, "Migration").</summary>
public sealed class LogTests
{
    private const ulong Base = VirtioFeatures.Version1 | VhostUserFeatures.ProtocolFeatures;
    private const int LogLength = 0x10000;

    [Fact]
    public void Logging_is_switched_on_and_off_under_a_running_ring_as_QEMU_does()
    {
        FakeDevice device = new() { StopsAt = new RingPosition(5, true, 5, true) };
        using SessionBed bed = new SessionBed(device).Negotiate();
        bed.ShareMemory();
        bed.StartQueue(0);
        FakeMemory log = ShareLog(bed);
        Assert.Single(device.Workers);
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetFeatures, Base | VhostUserFeatures.LogAll));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringAddress, SessionBed.Address(0, VhostUserVringAddress.LogFlag, 0x7000)));
        QueueSetup setup = device.Running(0)!.Setup;
        Assert.Equal(VirtioFeatures.Version1, setup.Features);
        Assert.Equal(0x7000ul, setup.UsedRingLogAddress);
        Assert.Equal(device.StopsAt, setup.Position);
        setup.DirtyLog!.Mark(0x3000, 0x1001);
        Assert.Equal(0b0001_1000, log.Bytes[0x40]);

        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetFeatures, Base));
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetVringAddress, SessionBed.Address(0)));
        Assert.Null(device.Running(0)!.Setup.DirtyLog);
        Assert.Null(device.Running(0)!.Setup.UsedRingLogAddress);
    }

    [Fact]
    public void The_used_ring_is_logged_only_where_its_flag_says_so()
    {
        using SessionBed bed = new SessionBed().Negotiate(Base | VhostUserFeatures.LogAll);
        bed.ShareMemory();
        ShareLog(bed);
        bed.StartQueue(0, log: 0x5000);
        bed.StartQueue(1, flags: VhostUserVringAddress.LogFlag, log: 0x5000);
        Assert.NotNull(bed.Device.Running(0)!.Setup.DirtyLog);
        Assert.Null(bed.Device.Running(0)!.Setup.UsedRingLogAddress);
        Assert.Equal(0x5000ul, bed.Device.Running(1)!.Setup.UsedRingLogAddress);
    }

    [Fact]
    public void A_new_log_reaches_running_rings_and_the_old_one_is_given_up()
    {
        using SessionBed bed = new SessionBed().Negotiate(Base | VhostUserFeatures.LogAll);
        bed.ShareMemory();
        FakeMemory first = ShareLog(bed);
        bed.StartQueue(0);
        FakeMemory second = ShareLog(bed);
        Assert.Equal(0, first.Mapped);
        bed.Device.Running(0)!.Setup.DirtyLog!.Mark(0, 1);
        Assert.Equal(1, second.Bytes[0x40]);
    }

    [Fact]
    public void A_log_that_comes_after_LOG_ALL_and_a_running_ring_is_used_from_then_on()
    {
        using SessionBed bed = new SessionBed().Negotiate(Base | VhostUserFeatures.LogAll);
        bed.ShareMemory();
        bed.StartQueue(0);
        Assert.Null(bed.Device.Running(0)!.Setup.DirtyLog);
        ShareLog(bed);
        Assert.NotNull(bed.Device.Running(0)!.Setup.DirtyLog);
    }

    [Fact]
    public void SET_LOG_BASE_is_answered_also_where_no_reply_was_asked_for()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send(VhostUserRequest.SetLogBase, new VhostUserLogDescription(LogLength, 0), bed.Give(new FakeMemory(LogLength)));
        Assert.Equal(new byte[8], bed.Reply(VhostUserRequest.SetLogBase));
        bed.Sync();
    }

    [Theory]
    [InlineData(0ul, 0ul)]
    [InlineData(0x8000_0000ul, 0ul)]
    [InlineData(LogLength + 1ul, 0ul)]
    [InlineData(LogLength, 8ul)]
    [InlineData(16ul, 4ul)]
    [InlineData(16ul, ulong.MaxValue - 7)]
    public void A_log_that_cannot_be_ends_the_connection(ulong size, ulong offset)
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send(VhostUserRequest.SetLogBase, new VhostUserLogDescription(size, offset), bed.Give(new FakeMemory(LogLength)));
        bed.ExpectFault("SET_LOG_BASE");
    }

    [Theory]
    [InlineData(0x8000_0000ul - 0x100)]
    [InlineData(ulong.MaxValue)]
    public void A_used_ring_beyond_the_end_of_the_log_ends_the_connection(ulong address)
    {
        // LogLength - 64 bytes cover 0x7fe0_0000 bytes of guest memory.
        using SessionBed bed = new SessionBed().Negotiate(Base | VhostUserFeatures.LogAll);
        bed.ShareMemory();
        ShareLog(bed);
        bed.Send(VhostUserRequest.SetVringNum, new VhostUserVringState(0, 128));
        bed.Send(VhostUserRequest.SetVringAddress, SessionBed.Address(0, VhostUserVringAddress.LogFlag, address));
        bed.Send(VhostUserRequest.SetVringEnable, new VhostUserVringState(0, 1));
        bed.Send(VhostUserRequest.SetVringKick, 0ul, bed.Give(new FakeDoorbell()));
        bed.ExpectFault("queue 0", $"0x{address:x}", "end of the log");
    }

    [Fact]
    public void The_logs_doorbell_rings_while_logging_is_on()
    {
        using SessionBed bed = new SessionBed(watch: TimeSpan.FromMilliseconds(5)).Negotiate();
        FakeDoorbell doorbell = new();
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetLogFd, [], bed.Give(doorbell)));
        ShareLog(bed);
        Assert.Equal(0, doorbell.Rings);
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetFeatures, Base | VhostUserFeatures.LogAll));
        SessionBed.Eventually(() => doorbell.Rings > 2);
    }

    [Fact]
    public void A_log_doorbell_that_is_none_ends_the_connection()
    {
        using SessionBed bed = new SessionBed().Negotiate();
        bed.Send(VhostUserRequest.SetLogFd, [], bed.Give(new FakeMemory(1)));
        bed.ExpectFault("SET_LOG_FD", "no doorbell");
    }

    [Fact]
    public void A_log_that_the_front_end_takes_away_ends_the_connection()
    {
        using SessionBed bed = new SessionBed(watch: TimeSpan.FromMilliseconds(10)).Negotiate();
        FakeMemory log = ShareLog(bed);
        log.IsLost = true;
        bed.ExpectFault("the log");
    }

    private static FakeMemory ShareLog(SessionBed bed)
    {
        FakeMemory log = new(LogLength);
        Assert.Equal(0ul, bed.Ask(VhostUserRequest.SetLogBase, new VhostUserLogDescription(LogLength - 0x40, 0x40), bed.Give(log)));
        return log;
    }
}
