using Makatea.Platform;

namespace Makatea.Domains.Net;

internal static class NetBackendLog
{
    public static void AcceptFailed(ComponentLogger logger, string name, string reason) =>
        logger.Log(LogSeverity.Warning, 120, "{Name}: cannot accept a front end: {Reason}", name, reason);

    public static void Refused(ComponentLogger logger, string name, int limit) =>
        logger.Log(LogSeverity.Warning, 121, "{Name}: a front end is turned away; there are {Limit} at most", name, limit);

    public static void NotAttached(ComponentLogger logger, string name, string reason) =>
        logger.Log(LogSeverity.Error, 122, "{Name}: not connected to the network: {Reason}", name, reason);
}
