using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Domains.Net;

/// <summary>What a net domain is told beyond its manifest.</summary>
public sealed record NetDomainSettings
{
    /// <summary>Where connections, refusals and faults are told.</summary>
    public ComponentLogger Logger { get; init; } = ComponentLogger.None;

    /// <summary>Where the time of day comes from, for rules that expire.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Bounds of the TCP of its own services, which answer and ask for names where a datagram does not do.</summary>
    public TcpOptions Tcp { get; init; } = new();
}
