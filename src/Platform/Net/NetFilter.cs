namespace Makatea.Platform;

/// <summary>Which frames a port receives, besides those for its own address and broadcasts. A port that cannot filter as finely receives more.</summary>
public sealed record NetFilter
{
    /// <summary>All frames.</summary>
    public bool Promiscuous { get; init; }

    /// <summary>All frames for groups.</summary>
    public bool AllMulticast { get; init; }

    /// <summary>Groups.</summary>
    public IReadOnlyList<MacAddress> Multicast { get; init; } = [];

    /// <summary>Further addresses of the port's own.</summary>
    public IReadOnlyList<MacAddress> Unicast { get; init; } = [];

    /// <summary>VLANs, 1 to 4094; null receives all.</summary>
    public IReadOnlyList<ushort>? Vlans { get; init; }
}
