namespace Makatea.Vmm;

/// <summary>Registers of an MC146818 ([MC146818] address map): indices into its 128 bytes.</summary>
internal static class RtcRegister
{
    public const int Seconds = 0x00;
    public const int SecondsAlarm = 0x01;
    public const int Minutes = 0x02;
    public const int MinutesAlarm = 0x03;
    public const int Hours = 0x04;
    public const int HoursAlarm = 0x05;
    public const int DayOfWeek = 0x06;
    public const int Day = 0x07;
    public const int Month = 0x08;
    public const int Year = 0x09;
    public const int A = 0x0a;
    public const int B = 0x0b;
    public const int C = 0x0c;
    public const int D = 0x0d;

    /// <summary>Where PCs keep the century, and the FADT says so.</summary>
    public const int Century = 0x32;
    public const int Count = 0x80;
}

/// <summary>Bits of registers A to D.</summary>
internal static class RtcBits
{
    /// <summary>A: the time changes within 244 us.</summary>
    public const byte UpdateInProgress = 1 << 7;

    /// <summary>A: rate of the periodic interrupt.</summary>
    public const byte Rate = 0xf;

    /// <summary>B: the time stands still, to be set.</summary>
    public const byte Set = 1 << 7;
    public const byte Binary = 1 << 2;
    public const byte Is24Hours = 1 << 1;

    /// <summary>B enables, and C has pending: periodic, alarm, update-ended.</summary>
    public const byte Periodic = 1 << 6;
    public const byte Alarm = 1 << 5;
    public const byte UpdateEnded = 1 << 4;
    public const byte Interrupts = Periodic | Alarm | UpdateEnded;

    /// <summary>C: one that is enabled is pending.</summary>
    public const byte Requested = 1 << 7;

    /// <summary>D: the battery is good.</summary>
    public const byte ValidTime = 1 << 7;

    /// <summary>An alarm's byte from here on means any.</summary>
    public const byte AnyAlarm = 0xc0;

    /// <summary>Hours of 12: the afternoon.</summary>
    public const byte Afternoon = 1 << 7;
}
