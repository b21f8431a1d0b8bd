using System.Diagnostics.Metrics;

namespace Makatea.Domains.Storage;

/// <summary>
/// Publishes what the domain knows of its devices beyond what they count themselves: meter <c>Makatea.Domains.Storage</c>, each measurement tagged with component and
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

    public StorageMetrics(string component, IReadOnlyCollection<DeviceServer> servers, IReadOnlyCollection<Disk> disks)
    {
        _component = component;
        _meter.CreateObservableUpDownCounter(
            "front_ends", () => Measure(servers, s => s.Name, s => s.IsConnected ? 1 : 0), "{connection}", "Front ends that are connected");
        _meter.CreateObservableCounter(
            "throttled", () => Measure(disks.Where(d => d.RateLimit is not null), d => d.Name, d => d.RateLimit!.Throttled), "{request}", "Requests that waited for the rate limit");
        _meter.CreateObservableUpDownCounter(
            "overlay_bytes", () => Measure(disks.Where(d => d.Overlay is not null), d => d.Name, d => d.Overlay!.OwnedBytes), "By", "Bytes that are the overlay's and not its base's");
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

    private Measurement<long>[] Measure<T>(IEnumerable<T> items, Func<T, string> name, Func<T, long> value)
    {
        lock (_gate)
        {
            return _isDisposed ? [] : [.. items.Select(i => new Measurement<long>(value(i), new("component", _component), new("device", name(i))))];
        }
    }
}
