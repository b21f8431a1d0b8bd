using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>
/// An MC146818 ([MC146818]) with 128 bytes: the world's time in UTC, or what the guest sets it to, alarm, update-ended and periodic interrupt. It goes on while the guest is paused. Accesses may
/// come from any thread.
/// </summary>
/// <remarks>Nothing happens by itself but interrupts that are enabled: flags that nobody asked to be told of are worked out when register C is read.</remarks>
public sealed partial class RealTimeClock : RegisterBus
{
    private const byte PowerOnRates = 0x26;
    private const long UpdateTicks = 244 * TimeSpan.TicksPerMicrosecond;

    private readonly Lock _lock = new();
    private readonly GuestClock _clock;
    private readonly InterruptLine _line;
    private readonly DeadlineTimer _timer;
    private readonly byte[] _registers = new byte[RtcRegister.Count];
    private byte _index;
    private byte _flags;
    private TimeSpan _offset;
    private DateTime _seen;
    private long _periodicFrom;
    private long _periodsSeen;

    /// <summary>Makes a clock that shows the time in hours of 24, in decimal.</summary>
    /// <param name="line">Its interrupt.</param>
    /// <param name="deadlines">Where it waits; the clock's <see cref="GuestClock.UtcNow"/> is its time.</param>
    public RealTimeClock(InterruptLine line, DeadlineQueue deadlines)
    {
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(deadlines);
        _line = line;
        _clock = deadlines.Clock;
        _timer = deadlines.CreateTimer(Expire);
        _registers[RtcRegister.A] = PowerOnRates;
        _registers[RtcRegister.B] = RtcBits.Is24Hours;
        _seen = Now;
    }

    private DateTime Now
    {
        get
        {
            // A guest may set any year: what lies beyond the calendar stops at its end.
            long ticks = _clock.UtcNow.UtcTicks + _offset.Ticks;
            return new DateTime(Math.Clamp(ticks, DateTime.MinValue.Ticks, DateTime.MaxValue.Ticks), DateTimeKind.Utc);
        }
    }

    private RtcFormat Format => new(_registers[RtcRegister.B]);

    private bool IsSet => (_registers[RtcRegister.B] & RtcBits.Set) != 0;

    /// <summary>Nanoseconds between two periodic interrupts, 0 for none ([MC146818] table 5: 32,768 Hz halved; rates 1 and 2 are 8 and 9).</summary>
    private long Period
    {
        get
        {
            int rate = _registers[RtcRegister.A] & RtcBits.Rate;
            rate = rate is 1 or 2 ? rate + 7 : rate;
            return rate == 0 ? 0 : (GuestClock.Second << (rate - 1)) / 32_768;
        }
    }

    private void Expire()
    {
        lock (_lock)
        {
            CatchUp();
            Schedule();
        }
    }

    /// <summary>Sets the flags of what has happened since the last time, and the line.</summary>
    private void CatchUp()
    {
        DateTime now = Now;
        if (!IsSet && now.Ticks / TimeSpan.TicksPerSecond > _seen.Ticks / TimeSpan.TicksPerSecond)
        {
            bool alarmed = RtcAlarm.Read(Format, _registers).After(_seen) <= now;
            _flags |= (byte)(RtcBits.UpdateEnded | (alarmed ? RtcBits.Alarm : 0));
        }

        _seen = now; // Also where the host's clock was set back.
        if (Period is var period and not 0)
        {
            long periods = (_clock.Now - _periodicFrom) / period;
            _flags |= periods != _periodsSeen ? RtcBits.Periodic : (byte)0;
            _periodsSeen = periods;
        }

        _line.Set((_flags & _registers[RtcRegister.B] & RtcBits.Interrupts) != 0);
    }

    /// <summary>Arms the timer for the first interrupt that is enabled and not pending yet.</summary>
    private void Schedule()
    {
        int wanted = _registers[RtcRegister.B] & RtcBits.Interrupts & ~_flags;
        long due = long.MaxValue;
        DateTime now = _seen;
        if ((wanted & RtcBits.Periodic) != 0 && Period is var period and not 0)
        {
            due = _periodicFrom + ((_periodsSeen + 1) * period);
        }

        if ((wanted & RtcBits.UpdateEnded) != 0 && !IsSet)
        {
            due = Math.Min(due, After(TimeSpan.TicksPerSecond - (now.Ticks % TimeSpan.TicksPerSecond)));
        }

        if ((wanted & RtcBits.Alarm) != 0 && !IsSet && RtcAlarm.Read(Format, _registers).After(now) is { } alarm)
        {
            // Looked at again within the hour, should the host's clock be set.
            due = Math.Min(due, After(Math.Min(alarm.Ticks - now.Ticks, TimeSpan.TicksPerHour)));
        }

        if (due == long.MaxValue)
        {
            _timer.Cancel();
        }
        else
        {
            _timer.Arm(due);
        }
    }

    private long After(long ticks) => _clock.Now + (ticks * TimeSpan.NanosecondsPerTick);
}
