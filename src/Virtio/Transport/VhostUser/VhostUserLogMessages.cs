using Microsoft.Extensions.Logging;

namespace Makatea.Virtio;

/// <summary>What the transport logs.</summary>
internal static partial class VhostUserLogMessages
{
    [LoggerMessage(1, LogLevel.Information, "{Device}: front end connected")]
    public static partial void Connected(ILogger logger, string device);

    [LoggerMessage(2, LogLevel.Information, "{Device}: front end left")]
    public static partial void Left(ILogger logger, string device);

    [LoggerMessage(3, LogLevel.Warning, "{Device}: connection ended: {Reason}")]
    public static partial void Ended(ILogger logger, string device, string reason);

    [LoggerMessage(4, LogLevel.Error, "{Device}: connection ended by an error of ours")]
    public static partial void Failed(ILogger logger, Exception exception, string device);

    [LoggerMessage(5, LogLevel.Warning, "{Device}: {Request} is refused: {Reason}")]
    public static partial void Refused(ILogger logger, string device, string request, string reason);

    [LoggerMessage(6, LogLevel.Information, "{Device}: queue {Queue} of {Size} descriptors is served, features 0x{Features:x}")]
    public static partial void QueueStarted(ILogger logger, string device, int queue, int size, ulong features);

    [LoggerMessage(7, LogLevel.Warning, "{Device}: the driver broke queue {Queue}: {Fault}; it is served no more until it is set up anew")]
    public static partial void QueueBroken(ILogger logger, string device, int queue, RingFault fault);

    [LoggerMessage(8, LogLevel.Warning, "{Device}: the front end could not be told of a change: {Reason}")]
    public static partial void BackendChannelFailed(ILogger logger, string device, string reason);

    [LoggerMessage(9, LogLevel.Error, "{Device}: accepting a connection failed: {Reason}")]
    public static partial void AcceptFailed(ILogger logger, string device, string reason);

    [LoggerMessage(10, LogLevel.Warning, "{Device}: the hardware cannot reach 0x{Size:x} bytes of memory at guest address 0x{Address:x}, so their data is copied: {Reason}")]
    public static partial void MemoryNotReached(ILogger logger, string device, ulong size, ulong address, string reason);
}
