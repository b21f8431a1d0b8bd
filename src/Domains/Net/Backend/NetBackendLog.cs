using Microsoft.Extensions.Logging;

namespace Makatea.Domains.Net;

internal static partial class NetBackendLog
{
    [LoggerMessage(EventId = 120, Level = LogLevel.Warning, Message = "{Name}: cannot accept a front end: {Reason}")]
    public static partial void AcceptFailed(ILogger logger, string name, string reason);

    [LoggerMessage(EventId = 121, Level = LogLevel.Warning, Message = "{Name}: a front end is turned away; there are {Limit} at most")]
    public static partial void Refused(ILogger logger, string name, int limit);

    [LoggerMessage(EventId = 122, Level = LogLevel.Error, Message = "{Name}: not connected to the network: {Reason}")]
    public static partial void NotAttached(ILogger logger, string name, string reason);
}
