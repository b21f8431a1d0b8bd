using Makatea.Drivers.Nvme;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>What the storage domain logs.</summary>
internal static class StorageLogMessages
{
    public static void Opened(ComponentLogger logger, string device, ulong bytes, string backend) =>
        logger.Log(LogSeverity.Information, 1, "{Device}: {Bytes} bytes, served by {Backend}", device, bytes, backend);

    public static void NotOpened(ComponentLogger logger, string device, string reason) =>
        logger.Log(LogSeverity.Error, 2, "{Device}: not served: {Reason}", device, reason);

    public static void Noticed(ComponentLogger logger, string notice) =>
        logger.Log(LogSeverity.Warning, 3, "{Notice}", notice);

    public static void FlushFailed(ComponentLogger logger, string device, string reason) =>
        logger.Log(LogSeverity.Error, 5, "{Device}: what was written last may not be durable: {Reason}", device, reason);

    public static void ControllerReported(ComponentLogger logger, string controller, NvmeEvent @event) =>
        logger.Log(LogSeverity.Warning, 6, "controller {Controller} reports {Event}", controller, @event);

    public static void ControllerFailed(ComponentLogger logger, string controller, string? reason) =>
        logger.Log(LogSeverity.Critical, 7, "controller {Controller} was given up: {Reason}; its disks fail every request until the domain is started again", controller, reason);

    public static void ControllerReset(ComponentLogger logger, string controller, string reason) =>
        logger.Log(LogSeverity.Warning, 8, "controller {Controller} was reset: {Reason}; it works again, and what was outstanding is done again", controller, reason);
}
