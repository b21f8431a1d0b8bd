namespace Makatea.Domains.Net;

/// <summary>
/// Names of what a net domain counts of its ports, of its clients' as well as of its uplink; each measurement is tagged with <see cref="Port"/>. The manager makes the live table of them.
/// </summary>
public static class NetMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Makatea.Domains.Net";

    /// <summary>Counter: packets that passed, tagged with their <see cref="Direction"/>.</summary>
    public const string Packets = "packets";

    /// <summary>Counter: bytes that passed, tagged with their <see cref="Direction"/>. Of frames, from the Ethernet header on.</summary>
    public const string Bytes = "bytes";

    /// <summary>Counter: packets that were dropped, tagged with the <see cref="Reason"/>, and with the port that they came from.</summary>
    public const string Drops = "drops";

    /// <summary>Gauge: tracked connections that a port's client has.</summary>
    public const string Connections = "connections";

    /// <summary>Gauge: 1 where the link is up, else 0.</summary>
    public const string Link = "link";

    /// <summary>Tag: name of the port's device, a client's name or <see cref="Uplink"/>.</summary>
    public const string Port = "port";

    /// <summary>Tag: <see cref="Received"/> or <see cref="Sent"/>.</summary>
    public const string Direction = "direction";

    /// <summary>Tag: why packets were dropped.</summary>
    public const string Reason = "reason";

    /// <summary>Name of the uplink's device.</summary>
    public const string Uplink = "uplink";

    /// <summary>From who is at the port to the domain.</summary>
    public const string Received = "received";

    /// <summary>From the domain to who is at the port.</summary>
    public const string Sent = "sent";
}
