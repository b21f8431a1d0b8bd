namespace Makatea.Vmm.Tests;

/// <summary>[SDM] volume 3, 11.5.4.</summary>
public sealed class TimerTests
{
    private const uint Periodic = 1 << 17;
    private const uint TscDeadline = 2 << 17;
    private const uint By1 = 0xb;

    private readonly ApicBed _bed = new();

    [Fact]
    public void S11_5_4_One_shot_counts_down_to_one_interrupt()
    {
        Start(0x40, 10_000);
        Assert.Equal(10_000u, _bed.Read(LocalApicRegister.CurrentCount));
        _bed.Time.Step(4_000);
        Assert.Equal(6_000u, _bed.Read(LocalApicRegister.CurrentCount));
        _bed.Time.Step(5_999);
        Assert.Null(_bed.Take());
        _bed.Time.Step(1);
        Assert.Equal((byte)0x40, _bed.Take());
        Assert.Equal(0u, _bed.Read(LocalApicRegister.CurrentCount));
        Assert.Equal(10_000u, _bed.Read(LocalApicRegister.InitialCount));
        _bed.Time.Step(1_000_000);
        Assert.Null(_bed.Take());
    }

    [Theory]
    [InlineData(0b0000u, 2)]
    [InlineData(0b0001u, 4)]
    [InlineData(0b0010u, 8)]
    [InlineData(0b0011u, 16)]
    [InlineData(0b1000u, 32)]
    [InlineData(0b1001u, 64)]
    [InlineData(0b1010u, 128)]
    [InlineData(0b1011u, 1)]
    public void F11_10_Divide(uint configuration, int by)
    {
        _bed.Write(LocalApicRegister.DivideConfiguration, configuration);
        _bed.Write(LocalApicRegister.TimerVector, 0x40);
        _bed.Write(LocalApicRegister.InitialCount, 1000);
        _bed.Time.Step((1000 * by) - 1);
        Assert.Null(_bed.Take());
        _bed.Time.Step(1);
        Assert.Equal((byte)0x40, _bed.Take());
    }

    [Fact]
    public void Periodic_interrupts_come_by_whole_periods_from_the_start_however_late_the_host_is()
    {
        Start(Periodic | 0x40, 1_000_000);
        _bed.Time.Jump(3_700_000); // three periods are due and the thread was not let run
        Assert.Equal(300_000u, _bed.Read(LocalApicRegister.CurrentCount));
        Assert.Equal(1, _bed.Time.Queue.RunDue());
        Assert.Equal((byte)0x40, _bed.Take());
        _bed.Time.Step(299_999);
        Assert.Null(_bed.Take());
        _bed.Time.Step(1);
        Assert.Equal((byte)0x40, _bed.Take());
        int interrupts = 0;
        for (int i = 0; i < 1000; i++)
        {
            _bed.Time.Step(1_000_000);
            interrupts += _bed.Take() is null ? 0 : 1;
        }

        Assert.Equal(1000, interrupts);
    }

    [Fact]
    public void A_period_that_would_keep_the_host_busy_is_made_longer()
    {
        Start(Periodic | 0x40, 1);
        Assert.Equal(_bed.Time.Clock.Now + LocalApicTimer.ShortestPeriod, _bed.Time.Queue.NextDue);
        _bed.Time.Step(10 * LocalApicTimer.ShortestPeriod);
        Assert.Equal((byte)0x40, _bed.Take());
    }

    [Fact]
    public void A_count_of_0_stops()
    {
        Start(0x40, 1000);
        _bed.Write(LocalApicRegister.InitialCount, 0);
        Assert.Null(_bed.Time.Queue.NextDue);
        _bed.Time.Step(2000);
        Assert.Null(_bed.Take());
    }

    [Fact]
    public void A_masked_timer_counts_and_does_not_interrupt()
    {
        Start(0x1_0040, 1000);
        _bed.Time.Step(500);
        Assert.Equal(500u, _bed.Read(LocalApicRegister.CurrentCount));
        _bed.Time.Step(500);
        Assert.Null(_bed.Take());
    }

    [Fact]
    public void What_is_left_goes_on_at_a_new_divider()
    {
        Start(0x40, 1000);
        _bed.Time.Step(400);
        _bed.Write(LocalApicRegister.DivideConfiguration, 0); // by 2
        _bed.Time.Step(1199);
        Assert.Null(_bed.Take());
        _bed.Time.Step(1);
        Assert.Equal((byte)0x40, _bed.Take());
    }

    [Fact]
    public void S11_5_4_1_A_deadline_of_the_time_stamp_counter()
    {
        Start(TscDeadline | 0x40, 1000); // the count is without effect
        Assert.Null(_bed.Time.Queue.NextDue);
        ulong deadline = _bed.Tsc + 2000;
        Assert.True(_bed.Apic.TryWriteMsr(LocalApicMsr.TscDeadline, deadline));
        Assert.True(_bed.Apic.TryReadMsr(LocalApicMsr.TscDeadline, out ulong value));
        Assert.Equal(deadline, value);
        _bed.Time.Step(999);
        Assert.Null(_bed.Take());
        _bed.Time.Step(1);
        Assert.Equal((byte)0x40, _bed.Take());
        Assert.True(_bed.Apic.TryReadMsr(LocalApicMsr.TscDeadline, out value));
        Assert.Equal(0ul, value);
    }

    [Fact]
    public void S11_5_4_1_A_deadline_in_the_past_is_due_at_once_and_0_disarms()
    {
        _bed.Write(LocalApicRegister.TimerVector, TscDeadline | 0x40);
        _bed.Apic.TryWriteMsr(LocalApicMsr.TscDeadline, 1);
        Assert.Equal((byte)0x40, _bed.Take());
        _bed.Apic.TryWriteMsr(LocalApicMsr.TscDeadline, _bed.Tsc + 2000);
        _bed.Apic.TryWriteMsr(LocalApicMsr.TscDeadline, 0);
        _bed.Apic.TryWriteMsr(LocalApicMsr.TscDeadline, ulong.MaxValue);
        _bed.Time.Step(10_000);
        Assert.Null(_bed.Take());
    }

    [Fact]
    public void S11_5_4_1_Without_the_mode_a_deadline_is_without_effect_and_a_change_of_mode_disarms()
    {
        _bed.Write(LocalApicRegister.TimerVector, 0x40);
        Assert.True(_bed.Apic.TryWriteMsr(LocalApicMsr.TscDeadline, 1));
        Assert.Null(_bed.Take());
        _bed.Write(LocalApicRegister.TimerVector, TscDeadline | 0x40);
        _bed.Apic.TryWriteMsr(LocalApicMsr.TscDeadline, _bed.Tsc + 2000);
        _bed.Write(LocalApicRegister.TimerVector, Periodic | 0x40);
        Assert.Null(_bed.Time.Queue.NextDue);
    }

    [Fact]
    public void Its_frequency_is_what_CPUID_tells() => Assert.Equal(Vmm.Policy.TimeLeaves.Crystal, LocalApicTimer.Frequency);

    [Fact]
    public void INIT_stops_it()
    {
        Start(Periodic | 0x40, 1_000_000);
        _bed.Apic.PostInit();
        Assert.True(_bed.Apic.TryTakeInit());
        Assert.Null(_bed.Time.Queue.NextDue);
    }

    private void Start(uint vector, uint count)
    {
        _bed.Write(LocalApicRegister.DivideConfiguration, By1);
        _bed.Write(LocalApicRegister.TimerVector, vector);
        _bed.Write(LocalApicRegister.InitialCount, count);
    }
}
