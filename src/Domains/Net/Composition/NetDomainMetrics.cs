using System.Diagnostics.Metrics;

namespace Makatea.Domains.Net;

/// <summary>What was counted at one port.</summary>
internal sealed record PortMeasurement(
    string Port, ulong ReceivedPackets, ulong ReceivedBytes, ulong SentPackets, ulong SentBytes, int Connections, bool IsLinkUp, IReadOnlyList<(string Reason, ulong Count)> Drops);

/// <summary>Publishes what a net domain counts: meter <see cref="NetMetrics.MeterName"/>. The instruments read plain counters when somebody collects.</summary>
internal sealed class NetDomainMetrics : IDisposable
{
    private readonly Meter _meter = new(NetMetrics.MeterName);
    private readonly Lock _gate = new();
    private readonly string _component;
    private readonly Func<IEnumerable<PortMeasurement>> _measure;
    private bool _isDisposed;

    public NetDomainMetrics(string component, Func<IEnumerable<PortMeasurement>> measure)
    {
        _component = component;
        _measure = measure;
        _meter.CreateObservableCounter(
            NetMetrics.Packets, () => Read(p => [Passed(p.ReceivedPackets, p, NetMetrics.Received), Passed(p.SentPackets, p, NetMetrics.Sent)]), "{packet}", "Packets that passed");
        _meter.CreateObservableCounter(NetMetrics.Bytes, () => Read(p => [Passed(p.ReceivedBytes, p, NetMetrics.Received), Passed(p.SentBytes, p, NetMetrics.Sent)]), "By", "Bytes that passed");
        _meter.CreateObservableCounter(NetMetrics.Drops, () => Read(p => p.Drops.Select(d => Of((long)d.Count, p, NetMetrics.Reason, d.Reason))), "{packet}", "Packets that were dropped");
        _meter.CreateObservableGauge(NetMetrics.Connections, () => Read(p => [Of(p.Connections, p)]), "{connection}", "Connections that are tracked");
        _meter.CreateObservableGauge(NetMetrics.Link, () => Read(p => [Of(p.IsLinkUp ? 1 : 0, p)]), null, "Whether the link is up");
    }

    /// <summary>Ends the meter; when it returns, nobody looks at the counters any more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
        }

        _meter.Dispose();
    }

    private Measurement<long> Passed(ulong value, PortMeasurement port, string direction) => Of((long)value, port, NetMetrics.Direction, direction);

    private Measurement<long> Of(long value, PortMeasurement port) => new(value, new("component", _component), new(NetMetrics.Port, port.Port));

    private Measurement<long> Of(long value, PortMeasurement port, string tag, string tagValue) =>
        new(value, new("component", _component), new(NetMetrics.Port, port.Port), new(tag, tagValue));

    private Measurement<long>[] Read(Func<PortMeasurement, IEnumerable<Measurement<long>>> select)
    {
        lock (_gate)
        {
            return _isDisposed ? [] : [.. _measure().SelectMany(select)];
        }
    }
}
