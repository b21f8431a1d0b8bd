using System.Runtime;

namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// Clocks, by the time-stamp counter. Programs read them through the vDSO (vdso.S), which leads to the routines here, with no call of the layer: they run on the program's threads, and read what was
/// set before any of those ran.
/// </summary>
internal static unsafe class Clock
{
    internal const ulong NanosecondsPerSecond = 1_000_000_000;

    /// <summary>No time: later than any.</summary>
    internal const ulong Never = ulong.MaxValue;

    private const int Shift = 24;
    private const int Realtime = 0;
    private const int RealtimeCoarse = 5;
    private const int Monotonic = 1;
    private const int MonotonicRaw = 4;
    private const int MonotonicCoarse = 6;
    private const int BootTime = 7;

    private static ulong s_start;
    private static ulong s_startSeconds;
    private static ulong s_multiplier;

    /// <summary>Starts the clocks.</summary>
    internal static void Start(ComponentInfo* info)
    {
        ulong ticks = info->TicksPerMicrosecond == 0 ? 1 : info->TicksPerMicrosecond;
        s_start = info->StartTicks;
        s_startSeconds = info->StartSeconds;
        s_multiplier = (1000ul << Shift) / ticks;
    }

    /// <summary>Nanoseconds since the system started: CLOCK_MONOTONIC.</summary>
    internal static ulong Now()
    {
        // In two halves, as the product has more than 64 bits.
        ulong ticks = LayerKernel.Ticks() - s_start;
        return ((ticks >> 32) * s_multiplier << (32 - Shift)) + ((ticks & uint.MaxValue) * s_multiplier >> Shift);
    }

    /// <summary>clock_gettime.</summary>
    internal static long Read(ulong clock, TimeValue* time)
    {
        if (clock > BootTime)
        {
            return Errno.Invalid;
        }

        // There is no account of processor time: what went by is the most that it can be.
        ulong now = Now();
        bool isRealtime = clock is Realtime or RealtimeCoarse;
        time->Seconds = (now / NanosecondsPerSecond) + (isRealtime ? s_startSeconds : 0);
        time->Part = now % NanosecondsPerSecond;
        return 0;
    }

    /// <summary>The moment that a time on a clock is.</summary>
    /// <param name="clock">The clock.</param>
    /// <param name="time">The time.</param>
    /// <param name="isAbsolute">It is a time of day of that clock, rather than from now on.</param>
    /// <returns>Nanoseconds as <see cref="Now"/> counts them; <see cref="Never"/> where they are too many.</returns>
    internal static ulong ToMoment(ulong clock, TimeValue time, bool isAbsolute)
    {
        const ulong MaxSeconds = 1ul << 33;
        ulong origin = isAbsolute && (clock is Realtime or RealtimeCoarse) ? s_startSeconds : 0;
        if (time.Seconds < origin)
        {
            return 0;
        }

        ulong seconds = time.Seconds - origin;
        return seconds > MaxSeconds ? Never : (isAbsolute ? 0 : Now()) + (seconds * NanosecondsPerSecond) + time.Part;
    }

    /// <summary>clock_gettime of the vDSO. Of other clocks the C library asks the layer.</summary>
    [RuntimeExport("VdsoClockGettime")]
    private static long VdsoClockGettime(uint clock, TimeValue* time) => clock is Realtime or Monotonic or MonotonicRaw or RealtimeCoarse or MonotonicCoarse ? Read(clock, time) : Errno.NotImplemented;

    /// <summary>gettimeofday of the vDSO.</summary>
    [RuntimeExport("VdsoGettimeofday")]
    private static long VdsoGettimeofday(TimeValue* time, ulong zone)
    {
        if (time != null)
        {
            Read(Realtime, time);
            time->Part /= 1000;
        }

        return 0;
    }
}

/// <summary>Linux's timespec and timeval: seconds, and nanoseconds or microseconds.</summary>
internal struct TimeValue
{
    internal ulong Seconds;
    internal ulong Part;

    internal readonly bool IsValid => (long)Seconds >= 0 && Part < Clock.NanosecondsPerSecond;
}
