using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Makatea.Domains.Net;

/// <summary>What a net domain is told beyond its manifest.</summary>
public sealed record NetDomainSettings
{
    /// <summary>Where connections, refusals and faults are told.</summary>
    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;

    /// <summary>Where the time of day comes from, for rules that expire.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
