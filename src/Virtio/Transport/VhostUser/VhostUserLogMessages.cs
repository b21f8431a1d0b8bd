using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>What the transport logs.</summary>
internal static class VhostUserLogMessages
{
    public static void Connected(ComponentLogger logger, string device) =>
        logger.Log(LogSeverity.Information, 1, "{Device}: front end connected", device);

    public static void Left(ComponentLogger logger, string device) =>
        logger.Log(LogSeverity.Information, 2, "{Device}: front end left", device);

    public static void Ended(ComponentLogger logger, string device, string reason) =>
        logger.Log(LogSeverity.Warning, 3, "{Device}: connection ended: {Reason}", device, reason);

    public static void Failed(ComponentLogger logger, Exception exception, string device) =>
        logger.Log(LogSeverity.Error, 4, exception, "{Device}: connection ended by an error of ours", device);

    public static void Refused(ComponentLogger logger, string device, string request, string reason) =>
        logger.Log(LogSeverity.Warning, 5, "{Device}: {Request} is refused: {Reason}", device, request, reason);

    public static void QueueStarted(ComponentLogger logger, string device, int queue, int size, ulong features) =>
        logger.Log(LogSeverity.Information, 6, "{Device}: queue {Queue} of {Size} descriptors is served, features 0x{Features:x}", device, queue, size, features);

    public static void QueueBroken(ComponentLogger logger, string device, int queue, RingFault fault) =>
        logger.Log(LogSeverity.Warning, 7, "{Device}: the driver broke queue {Queue}: {Fault}; it is served no more until it is set up anew", device, queue, fault);

    public static void BackendChannelFailed(ComponentLogger logger, string device, string reason) =>
        logger.Log(LogSeverity.Warning, 8, "{Device}: the front end could not be told of a change: {Reason}", device, reason);

    public static void AcceptFailed(ComponentLogger logger, string device, string reason) =>
        logger.Log(LogSeverity.Error, 9, "{Device}: accepting a connection failed: {Reason}", device, reason);

    public static void MemoryNotReached(ComponentLogger logger, string device, ulong size, ulong address, string reason) =>
        logger.Log(LogSeverity.Warning, 10, "{Device}: the hardware cannot reach 0x{Size:x} bytes of memory at guest address 0x{Address:x}, so their data is copied: {Reason}", device, size, address, reason);
}
