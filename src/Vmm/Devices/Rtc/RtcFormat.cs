namespace Makatea.Vmm;

/// <summary>How an MC146818 writes time ([MC146818] time, calendar and alarm): binary or decimal, hours of 24 or of 12.</summary>
/// <param name="control">Register B.</param>
internal readonly struct RtcFormat(byte control)
{
    private bool IsBinary => (control & RtcBits.Binary) != 0;

    private bool Is24Hours => (control & RtcBits.Is24Hours) != 0;

    /// <summary>A number below 100.</summary>
    public byte Encode(int value) => (byte)(IsBinary ? value : ((value / 10) << 4) | (value % 10));

    /// <summary>An hour below 24.</summary>
    public byte EncodeHour(int hour) => Is24Hours
        ? Encode(hour)
        : (byte)(Encode(hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? RtcBits.Afternoon : 0));

    /// <summary>The number that a byte says; more than 99 where it says none.</summary>
    public int Decode(byte value)
    {
        int tens = value >> 4;
        int ones = value & 0xf;
        return IsBinary ? value : tens > 9 || ones > 9 ? byte.MaxValue : (tens * 10) + ones;
    }

    /// <summary>The hour that a byte says; more than 23 where it says none.</summary>
    public int DecodeHour(byte value)
    {
        if (Is24Hours)
        {
            return Decode(value);
        }

        int hour = Decode((byte)(value & ~RtcBits.Afternoon));
        return hour is < 1 or > 12 ? byte.MaxValue : (hour % 12) + ((value & RtcBits.Afternoon) != 0 ? 12 : 0);
    }

    /// <summary>Writes a time into the registers.</summary>
    public void Write(DateTime time, Span<byte> registers)
    {
        registers[RtcRegister.Seconds] = Encode(time.Second);
        registers[RtcRegister.Minutes] = Encode(time.Minute);
        registers[RtcRegister.Hours] = EncodeHour(time.Hour);
        registers[RtcRegister.DayOfWeek] = Encode((int)time.DayOfWeek + 1);
        registers[RtcRegister.Day] = Encode(time.Day);
        registers[RtcRegister.Month] = Encode(time.Month);
        registers[RtcRegister.Year] = Encode(time.Year % 100);
        registers[RtcRegister.Century] = Encode(time.Year / 100);
    }

    /// <summary>Reads the time in the registers.</summary>
    /// <returns>False where they say none.</returns>
    public bool TryRead(ReadOnlySpan<byte> registers, out DateTime time)
    {
        int year = (Decode(registers[RtcRegister.Century]) * 100) + Decode(registers[RtcRegister.Year]);
        int month = Decode(registers[RtcRegister.Month]);
        int day = Decode(registers[RtcRegister.Day]);
        int hour = DecodeHour(registers[RtcRegister.Hours]);
        int minute = Decode(registers[RtcRegister.Minutes]);
        int second = Decode(registers[RtcRegister.Seconds]);
        bool isTime = year is >= 1 and <= 9999 && Decode(registers[RtcRegister.Year]) < 100 && month is >= 1 and <= 12
            && day >= 1 && day <= DateTime.DaysInMonth(year, month) && hour < 24 && minute < 60 && second < 60;
        time = isTime ? new(year, month, day, hour, minute, second, DateTimeKind.Utc) : default;
        return isTime;
    }
}
