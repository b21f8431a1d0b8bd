using System.Diagnostics.Metrics;

namespace Makatea.Virtio.Net;

/// <summary>
/// Publishes the counters of a network device through System.Diagnostics.Metrics: meter <c>Makatea.Virtio.Net</c>, each measurement tagged with its device. Nothing is counted twice; the
/// instruments read the counters when somebody collects.
/// </summary>
internal sealed class VirtioNetMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Makatea.Virtio.Net";

    private readonly Meter _meter = new(MeterName);
    private readonly NetCounters _counters;
    private readonly KeyValuePair<string, object?> _tag;

    public VirtioNetMetrics(string device, NetCounters counters)
    {
        _counters = counters;
        _tag = new("device", device);
        Add("transmitted_frames", "{frame}", "Frames that the guest transmitted", c => c.Transmitted);
        Add("transmitted_bytes", "By", "Their bytes", c => c.TransmittedBytes);
        Add("malformed_frames", "{frame}", "Frames of the guest's that cannot be", c => c.Malformed);
        Add("received_frames", "{frame}", "Frames that the guest received", c => c.Received);
        Add("received_bytes", "By", "Their bytes", c => c.ReceivedBytes);
        Add("no_buffer", "{frame}", "Frames that the guest had no buffer for", c => c.NoBuffer);
        Add("unwanted_frames", "{frame}", "Frames that the guest does not take", c => c.Unwanted);
        Add("filtered_frames", "{frame}", "Frames that the guest's filters kept from it", c => c.Filtered);
        Add("commands", "{command}", "Commands of the driver", c => c.Commands);
        Add("refused_commands", "{command}", "Commands that were refused", c => c.RefusedCommands);
        Add("calls", "{call}", "Times that the driver was notified", c => c.Loop.Calls);
        Add("faults", "{fault}", "Times that the driver broke a ring", c => c.Loop.Faults + c.Control.Faults);
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private void Add(string name, string unit, string description, Func<NetCounters, long> read) =>
        _meter.CreateObservableCounter(name, () => new Measurement<long>(read(_counters), _tag), unit, description);
}
