using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>
/// An 8254 ([8254]): counter 0 interrupts, counter 2 is what port B gates and shows, counter 1 refreshes memory that needs none. Guests calibrate other clocks by it. Accesses may come from
/// any thread.
/// </summary>
/// <remarks>
/// Guests that keep time by counting its interrupts do not drift: an interrupt that came while the last one had not been taken, or when the host was late, is delivered afterwards, at twice the
/// pace at most. Only those are dropped that the guest has masked.
/// </remarks>
public sealed partial class IntervalTimer : RegisterBus
{
    /// <summary>Shortest time between two interrupts in nanoseconds, as KVM has it; of a faster counter only each n-th one interrupts.</summary>
    public const long ShortestPeriod = 200_000;

    /// <summary>Interrupts owed at most: the guest that was away for longer asks another clock.</summary>
    private const long MostOwed = 1 << 16;

    private readonly Lock _lock = new();
    private readonly GuestClock _clock;
    private readonly InterruptLine _line;
    private readonly DeadlineTimer _timer;
    private readonly PitCounter[] _counters = [new(), new(), new()];
    private long _interruptsDue;
    private long _owed;
    private long _late;

    /// <summary>Makes a timer that counts nothing yet; counter 2's gate is closed.</summary>
    /// <param name="line">Interrupt of counter 0.</param>
    /// <param name="deadlines">Where it waits.</param>
    public IntervalTimer(InterruptLine line, DeadlineQueue deadlines)
    {
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(deadlines);
        _line = line;
        _clock = deadlines.Clock;
        _timer = deadlines.CreateTimer(Expire);
        _counters[2].SetGate(false, _clock.Now);
    }

    /// <summary>Number of interrupts that were delivered later than they were due.</summary>
    public long Late => Interlocked.Read(ref _late);

    /// <summary>Counts of counter 0 between two interrupts.</summary>
    private long InterruptPeriod
    {
        get
        {
            long reload = _counters[0].Reload;
            const long Shortest = (ShortestPeriod * PitCounter.Frequency / GuestClock.Second) + 1;
            return _counters[0].IsPeriodic ? reload * ((Shortest + reload - 1) / reload) : reload;
        }
    }

    /// <inheritdoc/>
    public override ulong Read(ulong address, int width)
    {
        if (width != 1 || address >= PitControl.Port)
        {
            return RegisterWidth.Mask(width); // The control port cannot be read.
        }

        lock (_lock)
        {
            return _counters[address].Read(_clock.Now);
        }
    }

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value)
    {
        if (width != 1)
        {
            return;
        }

        lock (_lock)
        {
            long now = _clock.Now;
            if (address < PitControl.Port)
            {
                if (_counters[address].Write((byte)value, now) && address == 0)
                {
                    Schedule();
                }
            }
            else if (address == PitControl.Port)
            {
                Control((byte)value, now);
            }
        }
    }

    /// <summary>What port B sees of counter 2.</summary>
    internal bool SpeakerOutput()
    {
        lock (_lock)
        {
            return _counters[2].Output(_clock.Now);
        }
    }

    /// <summary>What port B does to counter 2.</summary>
    internal void SetSpeakerGate(bool open)
    {
        lock (_lock)
        {
            _counters[2].SetGate(open, _clock.Now);
        }
    }

    private void Control(byte word, long now)
    {
        int counter = word >> PitControl.CounterShift;
        if (counter != PitControl.ReadBack)
        {
            _counters[counter].Control(word, now);
            if (counter == 0 && !_counters[0].IsCounting)
            {
                _timer.Cancel();
            }

            return;
        }

        for (int i = 0; i < _counters.Length; i++)
        {
            if ((word >> 1 & 1 << i) == 0)
            {
                continue;
            }

            if ((word & PitControl.NoCount) == 0)
            {
                _counters[i].LatchCount(now);
            }

            if ((word & PitControl.NoStatus) == 0)
            {
                _counters[i].LatchStatus(now);
            }
        }
    }

    /// <summary>Counter 0 was loaded: its first interrupt is due after one whole count.</summary>
    private void Schedule()
    {
        _interruptsDue = 0;
        _owed = 0;
        _timer.Arm(_counters[0].TimeOf(InterruptPeriod));
    }

    private void Expire()
    {
        lock (_lock)
        {
            PitCounter counter = _counters[0];
            if (!counter.IsCounting)
            {
                return; // It was set to another mode meanwhile.
            }

            long now = _clock.Now;
            long period = InterruptPeriod;
            long due = counter.Ticks(now) / period;
            if (!counter.IsPeriodic)
            {
                due = Math.Min(due, 1);
            }

            _owed = Math.Min(MostOwed, _owed + due - _interruptsDue);
            _interruptsDue = due;
            if (_owed > 0)
            {
                Deliver();
            }

            if (_owed > 0)
            {
                long pace = Math.Max(ShortestPeriod, (counter.TimeOf(period) - counter.Start) / 2);
                _timer.Arm(now + pace);
            }
            else if (counter.IsPeriodic || due == 0)
            {
                _timer.Arm(counter.TimeOf((due + 1) * period));
            }
        }
    }

    private void Deliver()
    {
        switch (_line.Pulse())
        {
            case InterruptDelivery.Delivered:
                _owed--;
                Interlocked.Add(ref _late, _owed > 0 ? 1 : 0);
                break;
            case InterruptDelivery.Refused:
                _owed = 0; // Masked: the guest does not count these.
                break;
            default:
                break; // The last one was not taken yet.
        }
    }
}
