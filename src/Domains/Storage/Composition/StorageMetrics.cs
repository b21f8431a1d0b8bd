using System.Diagnostics.Metrics;

namespace Makatea.Domains.Storage;

/// <summary>
/// Publishes what layers of disks count, beside what devices and connections count themselves: meter <c>Makatea.Domains.Storage</c>, each measurement tagged with component and
/// device. The instruments read plain counters when somebody collects.
/// </summary>
internal sealed class StorageMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Makatea.Domains.Storage";

    private readonly Meter _meter = new(MeterName);
    private readonly Lock _gate = new();
    private readonly string _component;
    private bool _isDisposed;

    public StorageMetrics(string component, IReadOnlyCollection<Disk> disks)
    {
        _component = component;
        _meter.CreateObservableCounter(
            "throttled", () => Measure(disks.Where(d => d.RateLimit is not null), d => d.RateLimit!.Throttled), "{request}", "Requests that waited for the rate limit");
        _meter.CreateObservableUpDownCounter(
            "overlay_bytes", () => Measure(disks.Where(d => d.Overlay is not null), d => d.Overlay!.OwnedBytes), "By", "Bytes that are the overlay's and not its base's");
    }

    /// <summary>Ends the meter; when it returns, nobody looks at the disks any more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
        }

        _meter.Dispose();
    }

    private Measurement<long>[] Measure(IEnumerable<Disk> disks, Func<Disk, long> value)
    {
        lock (_gate)
        {
            return _isDisposed ? [] : [.. disks.Select(d => new Measurement<long>(value(d), new("component", _component), new("device", d.Name)))];
        }
    }
}
