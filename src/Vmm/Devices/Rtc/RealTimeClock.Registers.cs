namespace Makatea.Vmm;

/// <content>Its registers ([MC146818] registers A to D), behind an index at the first port and data at the second.</content>
public sealed partial class RealTimeClock
{
    private const int IndexMask = RtcRegister.Count - 1;

    /// <inheritdoc/>
    public override ulong Read(ulong address, int width)
    {
        if (width != 1 || address != 1)
        {
            return RegisterWidth.Mask(width); // The index cannot be read.
        }

        lock (_lock)
        {
            return ReadByte(_index);
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
            if (address == 0)
            {
                _index = (byte)((int)value & IndexMask); // Bit 7 masks NMI on PCs.
            }
            else if (address == 1)
            {
                WriteByte(_index, (byte)value);
            }
        }
    }

    private static bool IsTime(int register) =>
        register is RtcRegister.Seconds or RtcRegister.Minutes or RtcRegister.Hours or (>= RtcRegister.DayOfWeek and <= RtcRegister.Year) or RtcRegister.Century;

    private byte ReadByte(int register)
    {
        switch (register)
        {
            case RtcRegister.A:
                bool isUpdating = !IsSet && Now.Ticks % TimeSpan.TicksPerSecond >= TimeSpan.TicksPerSecond - UpdateTicks;
                return (byte)(_registers[register] | (isUpdating ? RtcBits.UpdateInProgress : 0));
            case RtcRegister.C:
                CatchUp();
                int flags = _flags | ((_flags & _registers[RtcRegister.B] & RtcBits.Interrupts) != 0 ? RtcBits.Requested : 0);
                _flags = 0;
                _line.Set(false);
                Schedule();
                return (byte)flags;
            case RtcRegister.D:
                return RtcBits.ValidTime;
            default:
                if (IsTime(register) && !IsSet)
                {
                    Format.Write(Now, _registers);
                }

                return _registers[register];
        }
    }

    private void WriteByte(int register, byte value)
    {
        CatchUp();
        switch (register)
        {
            case RtcRegister.A:
                _registers[register] = (byte)(value & ~RtcBits.UpdateInProgress);
                _periodicFrom = _clock.Now;
                _periodsSeen = 0;
                break;
            case RtcRegister.B:
                WriteControl(value);
                break;
            case RtcRegister.C or RtcRegister.D:
                break;
            default:
                WriteTime(register, value);
                break;
        }

        CatchUp();
        Schedule();
    }

    /// <summary>The time is frozen by SET and goes on, as it was written, when SET is cleared.</summary>
    private void WriteControl(byte value)
    {
        bool wasSet = IsSet;
        if (!wasSet)
        {
            Format.Write(Now, _registers);
        }

        bool isSet = (value & RtcBits.Set) != 0;
        _registers[RtcRegister.B] = isSet ? (byte)(value & ~RtcBits.UpdateEnded) : value; // SET clears UIE.
        if (wasSet && !isSet)
        {
            FollowRegisters();
        }
    }

    private void WriteTime(int register, byte value)
    {
        if (IsTime(register) && !IsSet)
        {
            Format.Write(Now, _registers);
            _registers[register] = value;
            FollowRegisters();
        }
        else
        {
            _registers[register] = value;
        }
    }

    /// <summary>Goes on from the time in the registers. Where they say none, from where it would have been.</summary>
    private void FollowRegisters()
    {
        if (Format.TryRead(_registers, out DateTime time))
        {
            long now = _clock.UtcNow.UtcTicks;
            _offset = new(time.Ticks + (now % TimeSpan.TicksPerSecond) - now);
            _seen = Now;
        }
    }
}
