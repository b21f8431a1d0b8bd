using Microsoft.Extensions.Logging;

namespace Makatea.Domains.Net;

/// <summary>What net domains log.</summary>
internal static partial class NetLogMessages
{
    [LoggerMessage(1, LogLevel.Information, "uplink: {Address4}, {Address6}, names from {Servers}")]
    public static partial void Configured(ILogger logger, string address4, string address6, string servers);

    [LoggerMessage(2, LogLevel.Information, "{Client}: at port {Port} with {Rules} firewall rules")]
    public static partial void Attached(ILogger logger, string client, int port, int rules);

    [LoggerMessage(3, LogLevel.Warning, "{Notice}")]
    public static partial void Noticed(ILogger logger, string notice);

    [LoggerMessage(4, LogLevel.Warning, "uplink: the connection to the next net domain failed: {Reason}; waiting for another")]
    public static partial void UplinkLost(ILogger logger, string reason);

    [LoggerMessage(5, LogLevel.Information, "{Client}: {Rules} firewall rules from now on")]
    public static partial void RulesSet(ILogger logger, string client, int rules);

    [LoggerMessage(6, LogLevel.Information, "{Client}: link {State}")]
    public static partial void LinkSet(ILogger logger, string client, string state);

    [LoggerMessage(7, LogLevel.Information, "{Flows} connections of before are known")]
    public static partial void Restored(ILogger logger, int flows);
}
