using System.Diagnostics;

namespace Makatea.Drivers.Nvme;

/// <summary>A point in time by which the controller must have done something.</summary>
/// <param name="timeout">From now.</param>
internal readonly struct Deadline(TimeSpan timeout)
{
    private readonly long _end = Stopwatch.GetTimestamp() + (long)(timeout.TotalSeconds * Stopwatch.Frequency);

    internal bool IsPast => Stopwatch.GetTimestamp() >= _end;
}
