using System.Diagnostics;

namespace Makatea.LinuxProgram;

/// <summary>Clocks, timers, waits with an end.</summary>
internal static class TimeTrials
{
    // What a machine that has other things to do may take longer.
    private static readonly TimeSpan _slack = TimeSpan.FromSeconds(2);

    public static string? Timers()
    {
        const int Ticks = 20;
        using var done = new ManualResetEventSlim();
        int count = 0;
        long start = Stopwatch.GetTimestamp();
        using var timer = new Timer(_ =>
        {
            if (Interlocked.Increment(ref count) == Ticks)
            {
                done.Set();
            }
        }, null, 10, 10);
        if (!done.Wait(TimeSpan.FromSeconds(10)))
        {
            return $"{count} of {Ticks} in 10 s";
        }

        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        return elapsed.TotalMilliseconds > 10 * (Ticks - 1) && elapsed < _slack ? null : $"{Ticks} took {elapsed}";
    }

    public static string? Waits()
    {
        long start = Stopwatch.GetTimestamp();
        using var never = new ManualResetEventSlim();
        bool set = never.Wait(50);
        TimeSpan waited = Stopwatch.GetElapsedTime(start);
        start = Stopwatch.GetTimestamp();
        Thread.Sleep(50);
        TimeSpan slept = Stopwatch.GetElapsedTime(start);
        start = Stopwatch.GetTimestamp();
        Task.Delay(50).Wait();
        TimeSpan delayed = Stopwatch.GetElapsedTime(start);
        return !set && Is50(waited) && Is50(slept) && Is50(delayed) ? null : $"waited {waited}, slept {slept}, delayed {delayed}";
    }

    public static string? Clocks()
    {
        long last = Stopwatch.GetTimestamp();
        for (int i = 0; i < 100_000; i++)
        {
            long now = Stopwatch.GetTimestamp();
            if (now < last)
            {
                return $"{last} then {now}";
            }

            last = now;
        }

        DateTime date = DateTime.UtcNow;
        long start = Stopwatch.GetTimestamp();
        Thread.Sleep(200);
        TimeSpan monotonic = Stopwatch.GetElapsedTime(start);
        TimeSpan real = DateTime.UtcNow - date;
        return Math.Abs((monotonic - real).TotalMilliseconds) < 50 && date.Year is > 2019 and < 2100 ? null : $"{monotonic} and {real} on {date:O}";
    }

    private static bool Is50(TimeSpan time) => time.TotalMilliseconds > 48 && time < _slack;
}
