namespace Makatea.Domains.Net;

/// <summary>How much may pass a client's port, for each direction; what is null is not limited.</summary>
public sealed record PortRateLimits
{
    /// <summary>Bytes a second.</summary>
    public long? BytesPerSecond { get; init; }

    /// <summary>Packets a second.</summary>
    public long? PacketsPerSecond { get; init; }

    /// <summary>How long the full rate can be saved up, in milliseconds.</summary>
    public long BurstMilliseconds { get; init; } = 100;
}
