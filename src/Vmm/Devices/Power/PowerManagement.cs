using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>
/// ACPI's fixed hardware ([ACPI-6.5] 4.8): power button, S5, the timer of 3.579545 MHz and 32 bits, and the SCI. Always in ACPI mode, as there is no SMM. Accesses may come from any thread.
/// </summary>
public sealed partial class PowerManagement : RegisterBus
{
    /// <summary>Counts a second of the timer.</summary>
    public const long TimerFrequency = 3_579_545;

    private readonly Lock _lock = new();
    private readonly GuestClock _clock;
    private readonly InterruptLine _line;
    private readonly DeadlineTimer _timer;
    private readonly Action<PowerRequest> _asked;
    private ushort _status;
    private ushort _enable;
    private ushort _control;
    private long _togglesSeen;
    private bool _armed;

    /// <summary>Makes one with nothing pending.</summary>
    /// <param name="line">SCI, a level.</param>
    /// <param name="deadlines">Where the timer waits for its highest bit to change.</param>
    /// <param name="asked">Called when the guest wants to be off, without a lock.</param>
    public PowerManagement(InterruptLine line, DeadlineQueue deadlines, Action<PowerRequest> asked)
    {
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(deadlines);
        ArgumentNullException.ThrowIfNull(asked);
        _line = line;
        _asked = asked;
        _clock = deadlines.Clock;
        _timer = deadlines.CreateTimer(Expire);
        _togglesSeen = Toggles;
    }

    private long Ticks => (long)((Int128)_clock.Now * TimerFrequency / GuestClock.Second);

    /// <summary>How often the timer's highest bit has changed.</summary>
    private long Toggles => Ticks >> 31;

    /// <summary>Presses the power button: a guest that listens shuts down.</summary>
    /// <returns>False when the guest has not enabled it, so that nobody listens (yet).</returns>
    public bool PressButton()
    {
        lock (_lock)
        {
            _status |= PowerBits.PowerButton;
            Update();
            return (_enable & PowerBits.PowerButton) != 0;
        }
    }

    /// <inheritdoc/>
    public override ulong Read(ulong address, int width)
    {
        ulong value;
        if (address >= PowerRegister.Timer)
        {
            value = (uint)Ticks >> (((int)address & 3) * 8); // Guests without a better clock read this all the time.
        }
        else
        {
            lock (_lock)
            {
                Update();
                value = address switch
                {
                    // Two registers next to each other may be read as one.
                    < PowerRegister.Control => (uint)(_status | (_enable << 16)) >> ((int)address * 8),
                    < PowerRegister.Control + 2 => (ulong)(_control | PowerBits.SciEnabled) >> (((int)address - PowerRegister.Control) * 8),
                    _ => 0,
                };
            }
        }

        return value & RegisterWidth.Mask(width);
    }

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value)
    {
        bool isOff = false;
        lock (_lock)
        {
            Update();
            for (int i = 0; i < width; i++)
            {
                isOff |= WriteByte(address + (ulong)i, (byte)(value >> (i * 8)));
            }

            Update();
        }

        if (isOff)
        {
            _asked(PowerRequest.Off);
        }
    }

    /// <returns>Whether the guest wants to be off.</returns>
    private bool WriteByte(ulong address, byte value)
    {
        int shift = (int)(address & 1) * 8;
        int bits = value << shift;
        switch (address & ~1ul)
        {
            case PowerRegister.Status:
                _status &= (ushort)~bits;
                break;
            case PowerRegister.Enable:
                _enable = (ushort)(((_enable & ~(0xff << shift)) | bits) & (PowerBits.Events | PowerBits.Clock));
                break;
            case PowerRegister.Control:
                _control = (ushort)(((_control & ~(0xff << shift)) | bits) & PowerBits.ControlKept);
                return (bits & PowerBits.SleepEnable) != 0 && _control >> PowerBits.SleepTypeShift == PowerRegister.SoftOff;
            default:
                break; // The timer only counts.
        }

        return false;
    }

    private void Expire()
    {
        lock (_lock)
        {
            Update();
        }
    }

    /// <summary>Works out the timer's status, sets the line, and arms for the next change of the timer's highest bit where that interrupts.</summary>
    private void Update()
    {
        long toggles = Toggles;
        if (toggles != _togglesSeen)
        {
            _togglesSeen = toggles;
            _status |= PowerBits.Timer;
        }

        _line.Set((_status & _enable) != 0);
        if ((_enable & ~_status & PowerBits.Timer) != 0)
        {
            _armed = true;
            _timer.Arm((long)(((((Int128)toggles + 1) << 31) * GuestClock.Second / TimerFrequency) + 1));
        }
        else if (_armed)
        {
            _armed = false;
            _timer.Cancel();
        }
    }
}
