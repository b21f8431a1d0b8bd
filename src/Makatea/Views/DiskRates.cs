using Makatea.Running;

namespace Makatea.Views;

/// <summary>What a disk does a second.</summary>
internal readonly record struct DiskRate(double Reads, double Writes, double ReadBytes, double WrittenBytes);

/// <summary>Rates of disks, from how their counters move.</summary>
internal sealed class DiskRates(TimeProvider clock)
{
    /// <summary>Counters arrive once a second: over less than that, rates would jump.</summary>
    private static readonly TimeSpan _window = TimeSpan.FromSeconds(2);

    private readonly Queue<(long At, Dictionary<string, DiskCounters> Counters)> _history = new();

    /// <summary>Takes note of a status.</summary>
    /// <returns>The rates by qube and disk, over the last seconds.</returns>
    public IReadOnlyDictionary<string, DiskRate> Update(SystemStatus status)
    {
        long now = clock.GetTimestamp();
        var counters = status.Qubes.SelectMany(q => q.Disks.Select(d => (Key: Key(q, d), d.Counters))).ToDictionary(d => d.Key, d => d.Counters);
        _history.Enqueue((now, counters));
        while (_history.Count > 2 && clock.GetElapsedTime(_history.Peek().At, now) > _window)
        {
            _history.Dequeue();
        }

        (long at, Dictionary<string, DiskCounters> before) = _history.Peek();
        double seconds = clock.GetElapsedTime(at, now).TotalSeconds;
        return counters.ToDictionary(c => c.Key, c => seconds > 0 && before.TryGetValue(c.Key, out DiskCounters? b) ? RateOf(b, c.Value, seconds) : default);
    }

    /// <summary>Key of a disk.</summary>
    public static string Key(QubeStatus qube, DiskStatus disk) => $"{qube.Name}/{disk.Name}";

    /// <summary>A component that was killed takes with it what it counted last, so counters can go back a little: that is no rate.</summary>
    private static DiskRate RateOf(DiskCounters before, DiskCounters now, double seconds) => new(
        Math.Max(0, now.Reads - before.Reads) / seconds, Math.Max(0, now.Writes - before.Writes) / seconds,
        Math.Max(0, now.ReadBytes - before.ReadBytes) / seconds, Math.Max(0, now.WrittenBytes - before.WrittenBytes) / seconds);
}
