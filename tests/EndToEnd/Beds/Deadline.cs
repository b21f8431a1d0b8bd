using System.Diagnostics;

namespace Makatea.EndToEnd;

/// <summary>Waits that end: every one has a limit and says what it waited for.</summary>
internal static class Deadline
{
    private static readonly TimeSpan _step = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits until <paramref name="condition"/> holds.</summary>
    /// <exception cref="TimeoutException">It did not within <paramref name="seconds"/>.</exception>
    public static void Wait(string what, double seconds, Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start).TotalSeconds > seconds)
            {
                throw new TimeoutException($"waited {seconds} s for {what}");
            }

            Thread.Sleep(_step);
        }
    }
}
