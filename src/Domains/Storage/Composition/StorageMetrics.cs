using System.Diagnostics.Metrics;

namespace Makatea.Domains.Storage;

/// <summary>
/// Publishes what layers of disks and controllers count, beside what devices and connections count themselves: meter <c>Makatea.Domains.Storage</c>, each measurement tagged with
/// component and device or controller. The instruments read plain counters when somebody collects.
/// </summary>
internal sealed class StorageMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Makatea.Domains.Storage";

    private readonly Meter _meter = new(MeterName);
    private readonly Lock _gate = new();
    private readonly string _component;
    private bool _isDisposed;

    public StorageMetrics(string component, IReadOnlyCollection<Disk> disks, IReadOnlyList<OpenController> controllers)
    {
        _component = component;
        _meter.CreateObservableCounter(
            "throttled", () => Measure(disks.Where(d => d.RateLimit is not null), d => d.RateLimit!.Throttled), "{request}", "Requests that waited for the rate limit");
        _meter.CreateObservableUpDownCounter(
            "overlay_bytes", () => Measure(disks.Where(d => d.Overlay is not null), d => d.Overlay!.OwnedBytes), "By", "Bytes that are the overlay's and not its base's");
        _meter.CreateObservableCounter(
            ControllerMetrics.Resets, () => Measure(controllers.Select(c => Of(c.Name, c.Controller.Resets, (ControllerMetrics.Model, c.Controller.Identity.ModelNumber)))), "{reset}", "Times that the controller was reset");
        _meter.CreateObservableGauge(
            ControllerMetrics.InterruptProcessor,
            () => Measure(controllers.SelectMany(c => c.Controller.Queues.Where(q => q is { Vector: >= 0, Processor: >= 0 }).Select(q => Of(c.Name, q.Processor, (ControllerMetrics.Vector, q.Vector))))),
            "{processor}",
            "Processor on which a queue's thread waits for its interrupt");
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

    private Measurement<long> Of(string controller, long value, (string Name, object Value) tag) =>
        new(value, new("component", _component), new(ControllerMetrics.Controller, controller), new(tag.Name, tag.Value));

    private Measurement<long>[] Measure(IEnumerable<Disk> disks, Func<Disk, long> value) =>
        Measure(disks.Select(d => new Measurement<long>(value(d), new("component", _component), new("device", d.Name))));

    private Measurement<long>[] Measure(IEnumerable<Measurement<long>> values)
    {
        lock (_gate)
        {
            return _isDisposed ? [] : [.. values];
        }
    }
}
