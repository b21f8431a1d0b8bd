namespace Makatea.Platform;

/// <summary>
/// One thread's way to a port: batches of frames out, batches of frames in. Nothing is allocated and nothing blocks; a batch costs one virtual call.
/// </summary>
/// <remarks>
/// Every buffer has one owner at a time. The caller hands frames and empty buffers over by tag and gets each tag back exactly once, whatever fails; in between it touches neither
/// the memory nor the scatter list. Frames leave in the order in which they were given, and arrive in the order of the wire.
/// </remarks>
public abstract class NetQueue : IDisposable
{
    /// <summary>Rings after <see cref="Arm"/> when there is something to do; null where the queue has to be polled. It may ring without cause.</summary>
    public abstract Doorbell? Events { get; }

    /// <summary>Takes frames to transmit, from the first on.</summary>
    /// <returns>How many were taken; fewer than given where the ring is full. A frame that cannot be sent is taken as well, dropped, and counted.</returns>
    public abstract int Transmit(ReadOnlySpan<NetFrame> frames);

    /// <summary>Gives back the tags of frames that were transmitted or dropped.</summary>
    /// <returns>Number of tags written.</returns>
    public abstract int Reclaim(Span<int> tags);

    /// <summary>Takes empty buffers for frames to be received, from the first on.</summary>
    /// <returns>How many were taken; fewer than given where the ring is full.</returns>
    public abstract int Supply(ReadOnlySpan<NetBuffer> buffers);

    /// <summary>Gives back buffers with received frames, in order.</summary>
    /// <returns>Number of entries written.</returns>
    public abstract int Receive(Span<NetReceived> frames);

    /// <summary>To be called before sleeping: makes <see cref="Events"/> ring and looks once more.</summary>
    /// <returns>
    /// <see cref="BlockQueue.Ready"/> where there is something to do, or the <see cref="TimeProvider.GetTimestamp"/> of <see cref="TimeProvider.System"/> by which the queue wants to be
    /// looked at (<see cref="DoorbellWaiter.Forever"/> where only the doorbell matters).
    /// </returns>
    public abstract long Arm();

    /// <summary>Ends the queue. What it still held is the caller's again.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the queue.</summary>
    protected abstract void Dispose(bool disposing);
}
