using FsCheck;
using FsCheck.Fluent;

namespace Makatea.Vmm.Tests;

/// <summary>[MC146818].</summary>
public sealed class RealTimeClockTests
{
    private readonly SteppedTime _time = new();
    private readonly RecordingLine _line = new();
    private readonly RealTimeClock _rtc;

    public RealTimeClockTests() => _rtc = new(_line, _time.Queue);

    [Fact]
    public void The_time_is_the_worlds_in_decimal()
    {
        _time.Utc = new(2026, 2, 28, 23, 59, 58, TimeSpan.Zero);
        Assert.Equal([0x58, 0x59, 0x23, 0x07, 0x28, 0x02, 0x26, 0x20], Time());
        _time.Jump(2 * GuestClock.Second);
        Assert.Equal([0x00, 0x00, 0x00, 0x01, 0x01, 0x03, 0x26, 0x20], Time());
        Write(0x0b, 0x06);
        Assert.Equal([0, 0, 0, 1, 1, 3, 26, 20], Time());
    }

    [Theory]
    [InlineData(0, 0x12)]
    [InlineData(1, 0x01)]
    [InlineData(11, 0x11)]
    [InlineData(12, 0x92)]
    [InlineData(13, 0x81)]
    [InlineData(23, 0x91)]
    public void Hours_of_12(int hour, int expected)
    {
        _time.Utc = new(2026, 1, 1, hour, 0, 0, TimeSpan.Zero);
        Write(0x0b, 0);
        Assert.Equal(expected, Read(4));
    }

    [Fact]
    public void Any_time_that_is_set_goes_on_from_there_in_any_format() => Prop.ForAll<DateTime, bool, bool>((time, binary, hours) =>
    {
        SteppedTime host = new();
        RealTimeClock rtc = new(InterruptLine.None, host.Queue);
        DateTime wanted = new(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond), DateTimeKind.Utc);
        if (wanted > DateTime.MaxValue.AddDays(-1))
        {
            return;
        }

        byte control = (byte)((binary ? 4 : 0) | (hours ? 2 : 0));
        byte[] registers = new byte[RtcRegister.Count];
        new RtcFormat(control).Write(wanted, registers);
        WriteTo(rtc, 0x0b, (byte)(control | 0x80));
        foreach (int register in (int[])[0, 2, 4, 6, 7, 8, 9, 0x32])
        {
            WriteTo(rtc, register, registers[register]);
        }

        host.Jump(10 * GuestClock.Second); // frozen
        WriteTo(rtc, 0x0b, control);
        host.Jump(GuestClock.Second);
        new RtcFormat(control).Write(wanted.AddSeconds(1), registers);
        foreach (int register in (int[])[0, 2, 4, 6, 7, 8, 9, 0x32])
        {
            Assert.Equal(registers[register], ReadFrom(rtc, register));
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void What_is_no_time_leaves_the_time_as_it_was()
    {
        _time.Utc = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
        Write(0x0b, 0x82);
        Write(8, 0x02); // 31 February
        Assert.Equal(0x02, Read(8));
        Write(0x0b, 0x02);
        Assert.Equal(0x01, Read(8));
        Write(2, 0x5a);
        Assert.Equal(0x00, Read(2));
        Write(2, 0x17); // and without SET it can be set too
        Assert.Equal(0x17, Read(2));
    }

    [Fact]
    public void Update_in_progress_244_us_before_the_second()
    {
        _time.Utc = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        Assert.Equal(0x26, Read(0x0a));
        _time.Jump(999_755_000);
        Assert.Equal(0x26, Read(0x0a));
        _time.Jump(1_000);
        Assert.Equal(0xa6, Read(0x0a));
        _time.Jump(244_000);
        Assert.Equal(0x26, Read(0x0a));
        Write(0x0b, 0x82);
        _time.Jump(999_900_000);
        Assert.Equal(0x26, Read(0x0a));
    }

    [Fact]
    public void Update_ended_interrupts_every_second_once_it_was_read()
    {
        Write(0x0a, 0x20);
        Set(new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero));
        Write(0x0b, 0x12);
        _time.Step(3 * GuestClock.Second);
        Assert.Equal(1, _line.Edges);
        Assert.True(_line.IsAsserted);
        Assert.Equal(0x90, Read(0x0c));
        Assert.False(_line.IsAsserted);
        Assert.Equal(0, Read(0x0c));
        for (int i = 0; i < 10; i++)
        {
            _time.Step(GuestClock.Second);
            Assert.Equal(0x90, Read(0x0c));
        }

        Assert.Equal(11, _line.Edges);
        Write(0x0b, 0x92); // SET clears what enables it
        Assert.Equal(0x82, Read(0x0b));
    }

    [Fact]
    public void The_alarm_interrupts_in_its_second()
    {
        Set(new(2026, 12, 31, 23, 59, 50, TimeSpan.Zero));
        Write(0x0a, 0x20);
        Alarm(0x05, 0x00, 0x00);
        _time.Step(15 * GuestClock.Second - 1);
        Assert.False(_line.IsAsserted);
        _time.Step(1);
        Assert.True(_line.IsAsserted);
        Assert.Equal(0xb0, Read(0x0c));
        _time.Step(86_399 * GuestClock.Second);
        Assert.False(_line.IsAsserted);
        _time.Step(GuestClock.Second);
        Assert.True(_line.IsAsserted);
    }

    [Theory]
    [InlineData(0xff, 0xff, 0xff, 1)]
    [InlineData(0x30, 0xff, 0xff, 40)]
    [InlineData(0x30, 0x01, 0xff, 100)]
    [InlineData(0xc0, 0x01, 0xff, 70)]
    [InlineData(0x00, 0x00, 0xff, 10)]
    [InlineData(0x49, 0x59, 0x23, 86_399)]
    public void An_alarm_from_c0_on_means_any(byte second, byte minute, byte hour, int seconds)
    {
        Set(new(2026, 12, 31, 23, 59, 50, TimeSpan.Zero));
        Alarm(second, minute, hour);
        _time.Step(seconds * GuestClock.Second - 1);
        Assert.False(_line.IsAsserted);
        _time.Step(1);
        Assert.True(_line.IsAsserted);
    }

    [Fact]
    public void An_alarm_that_is_no_time_never_comes()
    {
        Alarm(0x61, 0x00, 0x00);
        Assert.Null(_time.Queue.NextDue);
        Alarm(0x00, 0x00, 0x24);
        Assert.Null(_time.Queue.NextDue);
    }

    [Fact]
    public void An_alarm_comes_though_the_hosts_clock_is_set_forward()
    {
        Set(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        Alarm(0x00, 0x00, 0x12);
        _time.Utc = new(2026, 1, 1, 13, 0, 0, TimeSpan.Zero);
        _time.Step(3600 * GuestClock.Second);
        Assert.True(_line.IsAsserted);
    }

    [Fact]
    public void Any_alarm_is_found_as_a_search_by_the_second_finds_it() => Prop.ForAll<uint, (sbyte Second, sbyte Minute, sbyte Hour)>((from, alarm) =>
    {
        int s = alarm.Second % 60;
        int m = alarm.Minute % 60;
        int h = alarm.Hour % 24;
        DateTime start = DateTime.UnixEpoch.AddSeconds(from);
        DateTime next = start.AddSeconds(1);
        while ((s >= 0 && next.Second != s) || (m >= 0 && next.Minute != m) || (h >= 0 && next.Hour != h))
        {
            next = next.AddSeconds(1);
        }

        Assert.Equal(next, new RtcAlarm(Math.Max(s, -1), Math.Max(m, -1), Math.Max(h, -1)).After(start));
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(1, 256)]
    [InlineData(2, 128)]
    [InlineData(3, 8192)]
    [InlineData(6, 1024)]
    [InlineData(15, 2)]
    public void Periodic_interrupts_by_rate(int rate, int hertz)
    {
        Write(0x0a, 0x20 | rate);
        Write(0x0b, 0x42);
        int interrupts = 0;
        long start = _time.Clock.Now;
        for (int i = 0; i < hertz * 2; i++)
        {
            _time.Step(_time.Queue.NextDue!.Value - _time.Clock.Now);
            Assert.True(_line.IsAsserted);
            interrupts += Read(0x0c) >> 7;
        }

        Assert.Equal(hertz * 2, interrupts);
        Assert.InRange(_time.Clock.Now - start, 1_999_900_000, 2_000_000_000);
        Write(0x0a, 0x20);
        Assert.Null(_time.Queue.NextDue);
    }

    [Fact]
    public void Flags_are_set_though_nothing_is_enabled()
    {
        _time.Jump(2 * GuestClock.Second);
        Assert.Equal(0x50, Read(0x0c) & 0xd0);
        Assert.Equal(0, _line.Edges);
        Assert.Null(_time.Queue.NextDue);
    }

    [Fact]
    public void The_rest_is_memory()
    {
        for (int i = 0x0e; i < 0x80; i++)
        {
            if (i != 0x32)
            {
                Write(i, i ^ 0xff);
            }
        }

        for (int i = 0x0e; i < 0x80; i++)
        {
            Assert.True(i == 0x32 || Read(i) == (byte)(i ^ 0xff));
        }

        Assert.Equal(0x80, Read(0x0d));
        Write(0x8e, 0x55); // bit 7 of the index is not the index's
        Assert.Equal(0x55, Read(0x0e));
        Assert.Equal(0xfful, _rtc.Read(0, 1));
        Assert.Equal(0xfffful, _rtc.Read(0, 2));
    }

    private int[] Time() => [.. ((int[])[0, 2, 4, 6, 7, 8, 9, 0x32]).Select(Read)];

    /// <summary>Sets the world's time, and takes what that made pending.</summary>
    private void Set(DateTimeOffset utc)
    {
        _time.Utc = utc;
        Read(0x0c);
    }

    private void Alarm(byte second, byte minute, byte hour)
    {
        Write(1, second);
        Write(3, minute);
        Write(5, hour);
        Write(0x0b, 0x22);
    }

    private int Read(int register) => ReadFrom(_rtc, register);

    private void Write(int register, int value) => WriteTo(_rtc, register, (byte)value);

    private static int ReadFrom(RealTimeClock rtc, int register)
    {
        rtc.Write(0, 1, (ulong)register);
        return (int)rtc.Read(1, 1);
    }

    private static void WriteTo(RealTimeClock rtc, int register, byte value)
    {
        rtc.Write(0, 1, (ulong)register);
        rtc.Write(1, 1, value);
    }
}
