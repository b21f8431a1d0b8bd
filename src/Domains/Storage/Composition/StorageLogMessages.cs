using Makatea.Drivers.Nvme;
using Microsoft.Extensions.Logging;

namespace Makatea.Domains.Storage;

/// <summary>What the storage domain logs.</summary>
internal static partial class StorageLogMessages
{
    [LoggerMessage(1, LogLevel.Information, "{Device}: {Bytes} bytes, served by {Backend}")]
    public static partial void Opened(ILogger logger, string device, ulong bytes, string backend);

    [LoggerMessage(2, LogLevel.Error, "{Device}: not served: {Reason}")]
    public static partial void NotOpened(ILogger logger, string device, string reason);

    [LoggerMessage(3, LogLevel.Warning, "{Notice}")]
    public static partial void Noticed(ILogger logger, string notice);

    [LoggerMessage(5, LogLevel.Error, "{Device}: what was written last may not be durable: {Reason}")]
    public static partial void FlushFailed(ILogger logger, string device, string reason);

    [LoggerMessage(6, LogLevel.Warning, "controller {Controller} reports {Event}")]
    public static partial void ControllerReported(ILogger logger, string controller, NvmeEvent @event);

    [LoggerMessage(7, LogLevel.Critical, "controller {Controller} was given up: {Reason}; its disks fail every request until the domain is started again")]
    public static partial void ControllerFailed(ILogger logger, string controller, string? reason);

    [LoggerMessage(8, LogLevel.Warning, "controller {Controller} was reset: {Reason}; it works again, and what was outstanding is done again")]
    public static partial void ControllerReset(ILogger logger, string controller, string reason);
}
