using Makatea.Platform;

namespace Makatea.Domains.Net;

/// <summary>What net domains log.</summary>
internal static class NetLogMessages
{
    public static void Configured(ComponentLogger logger, string address4, string address6, string servers) =>
        logger.Log(LogSeverity.Information, 1, "uplink: {Address4}, {Address6}, names from {Servers}", address4, address6, servers);

    public static void Attached(ComponentLogger logger, string client, int port, int rules) =>
        logger.Log(LogSeverity.Information, 2, "{Client}: at port {Port} with {Rules} firewall rules", client, port, rules);

    public static void Noticed(ComponentLogger logger, string notice) =>
        logger.Log(LogSeverity.Warning, 3, "{Notice}", notice);

    public static void UplinkLost(ComponentLogger logger, string reason) =>
        logger.Log(LogSeverity.Warning, 4, "uplink: the connection to the next net domain failed: {Reason}; waiting for another", reason);

    public static void RulesSet(ComponentLogger logger, string client, int rules) =>
        logger.Log(LogSeverity.Information, 5, "{Client}: {Rules} firewall rules from now on", client, rules);

    public static void LinkSet(ComponentLogger logger, string client, string state) =>
        logger.Log(LogSeverity.Information, 6, "{Client}: link {State}", client, state);

    public static void Restored(ComponentLogger logger, int flows) =>
        logger.Log(LogSeverity.Information, 7, "{Flows} connections of before are known", flows);
}
