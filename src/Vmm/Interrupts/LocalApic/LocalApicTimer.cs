using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>
/// The timer of a local APIC ([SDM] volume 3, 11.5.4): counts down once or periodically at 1 GHz by the divider, or expires when the time stamp counter reaches a deadline. Its vCPU's thread
/// sets it, the thread of deadlines lets it expire.
/// </summary>
internal sealed class LocalApicTimer
{
    /// <summary>Counts a second before the divider. The guest measures it, or is told by CPUID leaf 15h.</summary>
    public const ulong Frequency = GuestClock.Second;

    /// <summary>Shortest period in nanoseconds, as KVM has it: a shorter one would keep a processor of the host busy.</summary>
    public const long ShortestPeriod = 200_000;

    private const int MostDivideShift = 7;

    private readonly Lock _lock = new();
    private readonly GuestClock _clock;
    private readonly DeadlineTimer _timer;
    private readonly TscClock _tsc;
    private readonly Action _expired;
    private LocalTimerMode _mode;
    private uint _initial;
    private int _divideShift;
    private ulong _deadline;
    private long _due;
    private bool _armed;

    /// <summary>Makes a timer that is stopped.</summary>
    /// <param name="deadlines">Where it waits.</param>
    /// <param name="tsc">Its vCPU's counter.</param>
    /// <param name="expired">Called without a lock, on either thread.</param>
    public LocalApicTimer(DeadlineQueue deadlines, TscClock tsc, Action expired)
    {
        _clock = deadlines.Clock;
        _tsc = tsc;
        _expired = expired;
        _timer = deadlines.CreateTimer(Expire);
        Reset();
    }

    public uint InitialCount
    {
        get
        {
            lock (_lock)
            {
                return _initial;
            }
        }
    }

    /// <summary>What is left of the count: 0 when it is stopped, expired once, or has a deadline.</summary>
    public uint CurrentCount
    {
        get
        {
            lock (_lock)
            {
                if (!_armed || _mode == LocalTimerMode.TscDeadline)
                {
                    return 0;
                }

                // What is due and was not let expire yet has begun to count anew when it is periodic.
                long left = _due - _clock.Now;
                if (left < 0 && _mode == LocalTimerMode.Periodic)
                {
                    left = Length - (-left % Length);
                }

                return left <= 0 ? 0 : (uint)Math.Min(_initial, ((ulong)left >> _divideShift) + (((ulong)left & ((1ul << _divideShift) - 1)) != 0 ? 1ul : 0));
            }
        }
    }

    /// <summary>IA32_TSC_DEADLINE: 0 when there is none or it has passed.</summary>
    public ulong Deadline
    {
        get
        {
            lock (_lock)
            {
                return _armed && _mode == LocalTimerMode.TscDeadline ? _deadline : 0;
            }
        }
    }

    private long Length => (long)_initial << _divideShift;

    private long Period => Math.Max(Length, ShortestPeriod);

    public void Reset()
    {
        lock (_lock)
        {
            _mode = LocalTimerMode.OneShot;
            _divideShift = 1;
            Stop();
        }
    }

    /// <summary>Follows bits 17 and 18 of the timer's vector: going to a deadline or coming from one stops it.</summary>
    public void SetMode(LocalTimerMode mode)
    {
        lock (_lock)
        {
            if ((mode == LocalTimerMode.TscDeadline) != (_mode == LocalTimerMode.TscDeadline))
            {
                Stop();
            }

            _mode = mode;
        }
    }

    /// <summary>Starts to count; 0 stops. With a deadline it is without effect.</summary>
    public void SetInitialCount(uint count)
    {
        lock (_lock)
        {
            if (_mode != LocalTimerMode.TscDeadline)
            {
                Start(count);
            }
        }
    }

    /// <summary>Bits 0, 1 and 3 of the divide configuration: 2, 4, 8, 16, 32, 64, 128, 1.</summary>
    public void SetDivide(uint configuration)
    {
        lock (_lock)
        {
            int shift = (int)(((configuration & 3) | ((configuration >> 1) & 4)) + 1) & 7;
            if (shift != _divideShift)
            {
                uint left = CurrentCount;
                bool wasArmed = _armed && _mode != LocalTimerMode.TscDeadline;
                _divideShift = shift;
                if (wasArmed)
                {
                    // What is left goes on at the new speed.
                    _due = _clock.Now + ((long)left << shift);
                    _timer.Arm(_due);
                }
            }
        }
    }

    /// <summary>IA32_TSC_DEADLINE is written; 0 stops. In another mode it is without effect.</summary>
    public void SetDeadline(ulong deadline)
    {
        bool isPast = false;
        lock (_lock)
        {
            if (_mode != LocalTimerMode.TscDeadline)
            {
                return;
            }

            Stop();
            if (deadline != 0)
            {
                _deadline = deadline;
                _due = _tsc.TimeOf(deadline);
                isPast = _due <= _clock.Now;
                if (!isPast)
                {
                    _armed = true;
                    _timer.Arm(_due);
                }
            }
        }

        if (isPast)
        {
            _expired();
        }
    }

    /// <summary>After the counter was written: its deadline is due at another time.</summary>
    public void FollowTsc()
    {
        lock (_lock)
        {
            _tsc.Renew();
            if (_armed && _mode == LocalTimerMode.TscDeadline)
            {
                _due = _tsc.TimeOf(_deadline);
                _timer.Arm(_due);
            }
        }
    }

    public void Save(StateWriter writer)
    {
        lock (_lock)
        {
            writer.Write((int)_mode);
            writer.Write(_initial);
            writer.Write(_divideShift);
            writer.Write(_deadline);
            writer.Write(_due);
            writer.Write(_armed);
        }
    }

    /// <summary>What waits for the counter is due when <see cref="FollowTsc"/> says so, once the counter is restored too.</summary>
    public void Restore(StateReader reader)
    {
        lock (_lock)
        {
            _mode = (LocalTimerMode)reader.Read(0, (long)LocalTimerMode.Reserved);
            _initial = reader.ReadUInt32();
            _divideShift = (int)reader.Read(0, MostDivideShift);
            _deadline = reader.Read();
            _due = reader.Read(0, long.MaxValue);
            _armed = reader.ReadFlag();
            if (_armed && _mode == LocalTimerMode.Periodic && _initial == 0)
            {
                throw new InvalidDataException("a local APIC's timer counts periods of 0");
            }

            if (_armed && _mode != LocalTimerMode.TscDeadline)
            {
                _timer.Arm(_due);
            }
        }
    }

    private void Start(uint count)
    {
        Stop();
        _initial = count;
        if (count != 0)
        {
            _armed = true;
            _due = _clock.Now + (_mode == LocalTimerMode.Periodic ? Period : Length);
            _timer.Arm(_due);
        }
    }

    private void Stop()
    {
        _armed = false;
        _initial = 0;
        _deadline = 0;
        _timer.Cancel();
    }

    private void Expire()
    {
        lock (_lock)
        {
            long now = _clock.Now;
            if (!_armed || now < _due)
            {
                return; // Stopped or moved while the callback was on its way.
            }

            if (_mode == LocalTimerMode.Periodic)
            {
                // By whole periods from where it started: late is not later the next time. Periods that were missed are one.
                long period = Period;
                _due += (((now - _due) / period) + 1) * period;
                _timer.Arm(_due);
            }
            else
            {
                _armed = false;
            }
        }

        _expired();
    }
}
