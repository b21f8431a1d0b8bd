using System.Diagnostics;
using System.Globalization;

namespace Makatea.Imaging;

/// <summary>Tells of what takes long: on a terminal with the seconds that go by, else a line before and one after.</summary>
/// <param name="output">Where.</param>
/// <param name="isTerminal">It is one.</param>
internal sealed class BuildProgress(TextWriter output, bool isTerminal)
{
    /// <summary>Does something and tells of it.</summary>
    /// <returns>How long it took.</returns>
    public TimeSpan Run(string what, Action work)
    {
        long start = Stopwatch.GetTimestamp();
        output.Write($"makatea: {what} ...{(isTerminal ? "" : "\n")}");
        using (var ticks = isTerminal ? new Timer(_ => Tick(), null, 1000, 1000) : null)
        {
            work();
            using var ended = new ManualResetEvent(false);
            if (ticks?.Dispose(ended) == true)
            {
                ended.WaitOne();
            }
        }

        TimeSpan taken = Stopwatch.GetElapsedTime(start);
        output.WriteLine($"{(isTerminal ? "\r" : "")}makatea: {what}: {Seconds(taken)}{(isTerminal ? "     " : "")}");
        return taken;

        void Tick() => output.Write($"\rmakatea: {what} ... {Seconds(Stopwatch.GetElapsedTime(start))} ");
    }

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0", CultureInfo.InvariantCulture) + " s";
}
