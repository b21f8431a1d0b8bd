using FsCheck;
using FsCheck.Fluent;

namespace Makatea.Vmm.Tests;

/// <summary>[8254].</summary>
public sealed class IntervalTimerTests
{
    private const long Tick = 838; // and a bit

    private readonly SteppedTime _time = new();
    private readonly RecordingLine _line = new();
    private readonly IntervalTimer _pit;
    private readonly PortB _portB;

    public IntervalTimerTests()
    {
        _pit = new(_line, _time.Queue);
        _portB = new(_pit, _time.Clock);
    }

    [Fact]
    public void Mode_2_interrupts_at_every_count_and_does_not_drift()
    {
        Load(0, 2, 11_932); // 100 Hz of old kernels
        long start = _time.Clock.Now;
        _time.Step(100 * GuestClock.Second);
        Assert.Equal((int)(100 * PitCounter.Frequency / 11_932), _line.Delivered);
        Assert.InRange(_time.Queue.NextDue!.Value - start, 100 * GuestClock.Second, 100 * GuestClock.Second + 10_100_000);
        Assert.Equal(0, _pit.Late);
    }

    [Fact]
    public void Interrupts_that_the_host_was_late_for_are_delivered_afterwards()
    {
        Load(0, 2, 11_932);
        _time.Jump(50_000_000); // five periods
        _time.Queue.RunDue();
        Assert.Equal(1, _line.Delivered);
        _time.Step(GuestClock.Second - 50_000_000);
        Assert.Equal(99, _line.Delivered);
        Assert.InRange(_pit.Late, 3, 8);
        _time.Step(99 * GuestClock.Second);
        Assert.Equal((int)(100 * PitCounter.Frequency / 11_932), _line.Delivered);
    }

    [Fact]
    public void Interrupts_that_the_guest_had_not_room_for_are_delivered_afterwards()
    {
        Load(0, 2, 11_932);
        _line.Outcome = InterruptDelivery.Merged;
        _time.Step(GuestClock.Second / 2);
        Assert.Equal(0, _line.Delivered);
        _line.Outcome = InterruptDelivery.Delivered;
        _time.Step(99 * GuestClock.Second + GuestClock.Second / 2);
        Assert.Equal((int)(100 * PitCounter.Frequency / 11_932), _line.Delivered);
    }

    [Fact]
    public void Interrupts_that_the_guest_has_masked_are_not_owed()
    {
        Load(0, 2, 11_932);
        _line.Outcome = InterruptDelivery.Refused;
        _time.Step(10 * GuestClock.Second);
        _line.Outcome = InterruptDelivery.Delivered;
        _time.Step(GuestClock.Second);
        Assert.InRange(_line.Delivered, 99, 101);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(100)]
    public void A_count_that_would_keep_the_host_busy_interrupts_less_often(int count)
    {
        Load(0, 2, count);
        _time.Step(GuestClock.Second);
        Assert.InRange(_line.Delivered, 3000, GuestClock.Second / IntervalTimer.ShortestPeriod);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Modes_0_and_4_interrupt_once(int mode)
    {
        Load(0, mode, 1193);
        _time.Step(999_000);
        Assert.Equal(0, _line.Delivered);
        _time.Step(1_000);
        Assert.Equal(1, _line.Delivered);
        _time.Step(GuestClock.Second);
        Assert.Equal(1, _line.Delivered);
    }

    [Fact]
    public void A_control_word_stops_the_counter_until_it_is_loaded()
    {
        Load(0, 2, 1193);
        Write(3, 0x34);
        _time.Step(GuestClock.Second);
        Assert.Equal(0, _line.Delivered);
        Write(0, 0xa9);
        Assert.Null(_time.Queue.NextDue);
        Write(0, 4);
        _time.Step(1_100_000);
        Assert.Equal(1, _line.Delivered);
    }

    [Fact]
    public void A_latched_count_stays_until_it_is_read_and_is_read_low_byte_first()
    {
        Load(0, 2, 0); // 65,536
        _time.Jump(1000 * Tick + 100);
        Write(3, 0x00);
        _time.Jump(1000 * Tick);
        Write(3, 0x00); // latched already
        int latched = Read(0) | (Read(0) << 8);
        Assert.InRange(latched, 65_536 - 1001, 65_536 - 1000);
        int live = Read(0) | (Read(0) << 8);
        Assert.InRange(live, 65_536 - 2001, 65_536 - 1999);
    }

    [Theory]
    [InlineData(1, 0x34)]
    [InlineData(2, 0x12)]
    public void Accesses_of_one_byte_are_of_that_half(int access, int expected)
    {
        Write(3, 0x80 | (access << 4));
        Write(2, expected);
        Assert.Equal(expected, Read(2)); // the gate is closed, so it stands
        Write(3, 0x80);
        Assert.Equal(expected, Read(2));
        Assert.Equal(expected, Read(2));
    }

    [Fact]
    public void Read_back_latches_status_and_counts_of_any_counters()
    {
        Write(3, 0xb0); // counter 2: mode 0, both bytes
        Write(3, 0xe8); // status of it
        Assert.Equal(0x70, Read(2)); // low, no count loaded
        Write(2, 0x10);
        Write(2, 0x00);
        Write(3, 0xc8); // both
        Assert.Equal(0x30, Read(2));
        Assert.Equal(0x10, Read(2));
        Assert.Equal(0x00, Read(2));
        OpenGate();
        _time.Jump(20 * Tick);
        Write(3, 0xe8);
        Assert.Equal(0xb0, Read(2));
    }

    [Fact]
    public void Linux_measures_the_time_stamp_counter_by_counter_2()
    {
        // pit_calibrate_tsc: gate open, speaker off, mode 0, 50 ms, and port B's bit 5.
        _portB.Write(0, 1, 1);
        Load(2, 0, (int)(PitCounter.Frequency / 20));
        long start = _time.Clock.Now;
        while ((_portB.Read(0, 1) & 0x20) == 0)
        {
            _time.Jump(1000);
        }

        Assert.InRange(_time.Clock.Now - start, 49_998_000, 50_002_000);
    }

    [Fact]
    public void Mode_3_is_a_square_wave()
    {
        Load(2, 3, 1000);
        OpenGate();
        long high = 0;
        for (int i = 0; i < 10_000; i++)
        {
            _time.Jump(Tick);
            high += (long)(_portB.Read(0, 1) >> 5 & 1);
            Write(3, 0x80);
            Assert.Equal(0, Read(2) & 1); // it counts by twos
            Read(2);
        }

        Assert.InRange(high, 4_990, 5_010);
    }

    [Fact]
    public void A_gate_stops_mode_0_and_starts_mode_2_anew()
    {
        OpenGate();
        Load(2, 0, 1000);
        _time.Jump(500 * Tick);
        _portB.Write(0, 1, 0);
        _time.Jump(GuestClock.Second);
        Assert.Equal(0ul, _portB.Read(0, 1) & 0x20);
        OpenGate();
        _time.Jump(498 * Tick);
        Assert.Equal(0ul, _portB.Read(0, 1) & 0x20);
        _time.Jump(4 * Tick);
        Assert.Equal(0x20ul, _portB.Read(0, 1) & 0x20);
        Load(2, 2, 1000);
        _time.Jump(500 * Tick);
        _portB.Write(0, 1, 0);
        OpenGate();
        Write(3, 0x80);
        Assert.InRange(Read(2) | (Read(2) << 8), 999, 1000);
    }

    [Fact]
    public void Decimal_counts()
    {
        Write(3, 0xb1);
        Write(2, 0x00);
        Write(2, 0x10); // 1000
        OpenGate();
        _time.Jump(1 * Tick + 100);
        Write(3, 0x80);
        Assert.Equal((0x99, 0x09), (Read(2), Read(2)));
    }

    [Fact]
    public void Port_B_keeps_its_bits_and_toggles_the_refresh()
    {
        _portB.Write(0, 1, 0xff);
        HashSet<ulong> seen = [];
        for (int i = 0; i < 10; i++)
        {
            _time.Jump(15_085);
            seen.Add(_portB.Read(0, 1) & 0x1f);
        }

        Assert.Equal([0x0ful, 0x1ful], seen.Order());
        Assert.Equal(0xfffful, _portB.Read(0, 2));
        _portB.Write(0, 2, 0);
        Assert.Equal(0xful, _portB.Read(0, 1) & 0xf);
    }

    [Fact]
    public void While_the_guest_is_paused_nothing_is_owed()
    {
        Load(0, 2, 11_932);
        _time.Clock.Pause();
        _time.Jump(100 * GuestClock.Second);
        _time.Clock.Resume();
        _time.Step(GuestClock.Second);
        Assert.InRange(_line.Delivered, 99, 100);
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(0, 2)]
    [InlineData(4, 1)]
    public void Other_accesses_read_as_all_ones(int port, int width)
    {
        Assert.Equal(RegisterWidth.Mask(width), _pit.Read((ulong)port, width));
        _pit.Write(4, 1, 0x34);
        _pit.Write(0, 2, 0x1234);
        Assert.Null(_time.Queue.NextDue);
    }

    [Fact]
    public void Whatever_is_written_counts_stay_in_16_bits_and_interrupts_in_bounds() => Prop.ForAll<(byte Port, byte Value, ushort Step)[]>(steps =>
    {
        SteppedTime time = new();
        RecordingLine line = new();
        IntervalTimer pit = new(line, time.Queue);
        long start = time.Clock.Now;
        foreach ((byte port, byte value, ushort step) in steps)
        {
            pit.Write((ulong)port & 3, 1, value);
            Assert.InRange(pit.Read((ulong)port & 3, 1), 0ul, 0xfful);
            time.Step(step * 1000L);
        }

        Assert.InRange(line.Edges, 0, ((time.Clock.Now - start) / IntervalTimer.ShortestPeriod) + steps.Length + 1);
    }).QuickCheckThrowOnFailure();

    private void OpenGate() => _portB.Write(0, 1, 1);

    private void Load(int counter, int mode, int count)
    {
        Write(3, (counter << 6) | 0x30 | (mode << 1));
        Write(counter, count & 0xff);
        Write(counter, count >> 8);
    }

    private int Read(int port) => (int)_pit.Read((ulong)port, 1);

    private void Write(int port, int value) => _pit.Write((ulong)port, 1, (ulong)value);
}
