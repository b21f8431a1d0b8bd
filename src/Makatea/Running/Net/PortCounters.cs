using Makatea.Domains.Manager;
using Makatea.Domains.Net;

namespace Makatea.Running;

/// <summary>What a net domain counted at one port. Received is what came from who is at the port.</summary>
/// <param name="ReceivedPackets">Packets from the client.</param>
/// <param name="ReceivedBytes">Bytes from the client.</param>
/// <param name="SentPackets">Packets to the client.</param>
/// <param name="SentBytes">Bytes to the client.</param>
/// <param name="Connections">Connections that are tracked for it now.</param>
/// <param name="Drops">Packets dropped, by reason.</param>
internal sealed record PortCounters(long ReceivedPackets, long ReceivedBytes, long SentPackets, long SentBytes, long Connections, IReadOnlyDictionary<string, long> Drops)
{
    /// <summary>Of a port that was not used.</summary>
    public static readonly PortCounters Zero = new(0, 0, 0, 0, 0, new Dictionary<string, long>());

    /// <summary>Packets dropped, whatever the reason.</summary>
    public long Dropped => Drops.Values.Sum();

    /// <summary>Both together.</summary>
    public static PortCounters operator +(PortCounters a, PortCounters b) => new(
        a.ReceivedPackets + b.ReceivedPackets, a.ReceivedBytes + b.ReceivedBytes, a.SentPackets + b.SentPackets, a.SentBytes + b.SentBytes, a.Connections + b.Connections,
        a.Drops.Concat(b.Drops).GroupBy(d => d.Key).ToDictionary(d => d.Key, d => d.Sum(x => x.Value), StringComparer.Ordinal));

    /// <summary>The ports of which something was measured.</summary>
    public static IEnumerable<string> PortsOf(IEnumerable<MetricSample> samples) =>
        samples.Where(s => s.Meter == NetMetrics.MeterName).Select(s => s.Tags.GetValueOrDefault(NetMetrics.Port)).OfType<string>().Distinct();

    /// <summary>Those of one port.</summary>
    public static PortCounters Of(IEnumerable<MetricSample> samples, string port)
    {
        MetricSample[] own = [.. samples.Where(s => s.Meter == NetMetrics.MeterName && s.Tags.GetValueOrDefault(NetMetrics.Port) == port)];
        return new(
            Sum(NetMetrics.Packets, NetMetrics.Received), Sum(NetMetrics.Bytes, NetMetrics.Received), Sum(NetMetrics.Packets, NetMetrics.Sent), Sum(NetMetrics.Bytes, NetMetrics.Sent),
            (long)own.Where(s => s.Name == NetMetrics.Connections).Sum(s => s.Value),
            own.Where(s => s.Name == NetMetrics.Drops && s.Value > 0).GroupBy(s => s.Tags.GetValueOrDefault(NetMetrics.Reason, "")).ToDictionary(d => d.Key, d => (long)d.Sum(s => s.Value), StringComparer.Ordinal));

        long Sum(string name, string direction) => (long)own.Where(s => s.Name == name && s.Tags.GetValueOrDefault(NetMetrics.Direction) == direction).Sum(s => s.Value);
    }

    /// <summary>Whether the link of a port is up; null where it was not measured.</summary>
    public static bool? LinkOf(IEnumerable<MetricSample> samples, string port) =>
        samples.FirstOrDefault(s => s.Meter == NetMetrics.MeterName && s.Name == NetMetrics.Link && s.Tags.GetValueOrDefault(NetMetrics.Port) == port) is { } link ? link.Value > 0 : null;
}
