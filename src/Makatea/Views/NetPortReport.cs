using System.Text.Json.Serialization;
using Makatea.Domains.Net;
using Makatea.Running;

namespace Makatea.Views;

/// <summary>A port of a net domain, as <c>makatea top --json</c> shows it: what who has it sent and received, since the system was started.</summary>
/// <param name="System">Name of the system.</param>
/// <param name="Name">Who has it: a qube or a net domain, and for an uplink the domain whose it is.</param>
/// <param name="Kind"><c>qube</c>, <c>domain</c> (a client that is a net domain) or <c>uplink</c>.</param>
/// <param name="Domain">The net domain that it is a port of.</param>
/// <param name="Where">Its IPv4 address, or what the uplink is.</param>
/// <param name="IsUp">Its link is up; null where that is not known yet.</param>
/// <param name="SentPackets">Packets that it sent.</param>
/// <param name="SentBytes">Bytes that it sent.</param>
/// <param name="ReceivedPackets">Packets that it received.</param>
/// <param name="ReceivedBytes">Bytes that it received.</param>
/// <param name="Connections">Connections that are tracked for it.</param>
/// <param name="Drops">Packets that were dropped, by reason.</param>
internal sealed record NetPortReport(
    string System, string Name, string Kind, string Domain, string Where, bool? IsUp,
    long SentPackets, long SentBytes, long ReceivedPackets, long ReceivedBytes, long Connections, IReadOnlyDictionary<string, long> Drops)
{
    /// <summary>Tells ports apart.</summary>
    [JsonIgnore]
    public string Key => $"{System}/{Domain}/{Kind}/{Name}";

    /// <summary>All ports of a system: of each net domain its uplink, then its clients.</summary>
    public static IEnumerable<NetPortReport> Of(SystemStatus status)
    {
        PortStatus[] clients = [.. status.Domains.Select(d => d.Net).Concat(status.Qubes.Select(q => q.Net)).OfType<PortStatus>()];
        foreach (DomainStatus domain in status.Domains.Where(d => d.Uplink is not null))
        {
            UplinkStatus uplink = domain.Uplink!;
            PortCounters outside = uplink.Counters;
            yield return new NetPortReport(
                status.Name, domain.Name, NetMetrics.Uplink, domain.Name, uplink.Through, uplink.Link,
                outside.SentPackets, outside.SentBytes, outside.ReceivedPackets, outside.ReceivedBytes, outside.Connections, outside.Drops);
            foreach (PortStatus client in clients.Where(c => c.Domain == domain.Name))
            {
                // What the domain received is what its client sent.
                PortCounters counters = client.Counters;
                yield return new NetPortReport(
                    status.Name, client.Client, status.Qubes.Any(q => q.Name == client.Client) ? "qube" : "domain", domain.Name, client.Ip, client.Attached,
                    counters.ReceivedPackets, counters.ReceivedBytes, counters.SentPackets, counters.SentBytes, counters.Connections, counters.Drops);
            }
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(IReadOnlyList<NetPortReport>))]
internal sealed partial class NetPortReportJson : JsonSerializerContext;
