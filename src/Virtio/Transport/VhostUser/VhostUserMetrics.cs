using System.Diagnostics.Metrics;

namespace Makatea.Virtio;

/// <summary>
/// What a server counts, through System.Diagnostics.Metrics: meter <c>Makatea.Virtio.VhostUser</c>, each measurement tagged with the device.
/// </summary>
internal sealed class VhostUserMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Makatea.Virtio.VhostUser";

    private readonly Meter? _meter;
    private long _connections;
    private long _faults;
    private long _messages;
    private int _connected;

    public VhostUserMetrics(string device)
    {
        if (!MetricsSwitch.IsOn)
        {
            return;
        }

        _meter = new Meter(MeterName);
        KeyValuePair<string, object?>[] tags = [new("device", device)];
        _meter.CreateObservableCounter(
            "connections", () => new Measurement<long>(Volatile.Read(ref _connections), tags), "{connection}", "Front ends that connected");
        _meter.CreateObservableCounter(
            "connection_faults", () => new Measurement<long>(Volatile.Read(ref _faults), tags), "{connection}", "Connections that ended with an error");
        _meter.CreateObservableCounter("messages", () => new Measurement<long>(Volatile.Read(ref _messages), tags), "{message}", "Messages received");
        _meter.CreateObservableGauge(
            "connected", () => new Measurement<int>(Volatile.Read(ref _connected), tags), "{connection}", "Front ends connected now: 0 or 1");
    }

    /// <summary>A front end connected.</summary>
    public void Connected()
    {
        Interlocked.Increment(ref _connections);
        Volatile.Write(ref _connected, 1);
    }

    /// <summary>Its connection ended.</summary>
    public void Ended(bool faulted)
    {
        Volatile.Write(ref _connected, 0);
        if (faulted)
        {
            Interlocked.Increment(ref _faults);
        }
    }

    /// <summary>It sent a message.</summary>
    public void Received() => Interlocked.Increment(ref _messages);

    /// <inheritdoc/>
    public void Dispose() => _meter?.Dispose();
}
