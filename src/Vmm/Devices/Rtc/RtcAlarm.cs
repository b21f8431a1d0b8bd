namespace Makatea.Vmm;

/// <summary>The alarm of an MC146818: seconds, minutes and hours, each a number or any ([MC146818] alarm bytes).</summary>
/// <param name="second">Below 60, or <see cref="Any"/>; others never come.</param>
/// <param name="minute">As that.</param>
/// <param name="hour">Below 24, as that.</param>
internal readonly struct RtcAlarm(int second, int minute, int hour)
{
    public const int Any = -1;

    private const int MostSteps = 60 + 60 + 25;

    /// <summary>Reads the alarm in the registers.</summary>
    public static RtcAlarm Read(RtcFormat format, ReadOnlySpan<byte> registers)
    {
        byte second = registers[RtcRegister.SecondsAlarm];
        byte minute = registers[RtcRegister.MinutesAlarm];
        byte hour = registers[RtcRegister.HoursAlarm];
        return new(
            second >= RtcBits.AnyAlarm ? Any : format.Decode(second),
            minute >= RtcBits.AnyAlarm ? Any : format.Decode(minute),
            hour >= RtcBits.AnyAlarm ? Any : format.DecodeHour(hour));
    }

    /// <summary>The first second after a time in which the alarm comes, or null where it never does.</summary>
    public DateTime? After(DateTime time)
    {
        if (time > DateTime.MaxValue.AddDays(-2))
        {
            return null;
        }

        // To the next hour, minute, second that fits: as many steps as there are of each at most.
        DateTime next = Floor(time, TimeSpan.TicksPerSecond).AddSeconds(1);
        for (int step = 0; step < MostSteps; step++)
        {
            if (hour != Any && next.Hour != hour)
            {
                next = Floor(next, TimeSpan.TicksPerHour).AddHours(1);
            }
            else if (minute != Any && next.Minute != minute)
            {
                next = Floor(next, TimeSpan.TicksPerMinute).AddMinutes(1);
            }
            else if (second != Any && next.Second != second)
            {
                next = next.AddSeconds(1);
            }
            else
            {
                return next;
            }
        }

        return null;
    }

    private static DateTime Floor(DateTime time, long unit) => new(time.Ticks - (time.Ticks % unit), DateTimeKind.Utc);
}
