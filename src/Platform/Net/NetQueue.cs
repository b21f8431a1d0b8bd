namespace Makatea.Platform;

/// <summary>
/// One thread's way to a port: batches of frames out, batches of frames in. Nothing is allocated and nothing blocks; a batch costs one virtual call.
/// </summary>
/// <remarks>
/// Every buffer has one owner at a time. The caller hands frames and empty buffers over by tag and gets each tag back exactly once, whatever fails; in between it touches neither
/// the memory nor the scatter list. Frames that a queue copies (<see cref="CopiesFrames"/>) stay the caller's. Frames leave in the order in which they were given, and arrive in the order of the wire.
/// </remarks>
public abstract class NetQueue : IDisposable
{
    private DoorbellWaiter? _waiter;

    /// <summary>
    /// The doorbell of a queue that has one for life. Rings after <see cref="Arm"/> when there is something to do; null where the queue has to be polled or has others, see
    /// <see cref="Listen"/>. It may ring without cause.
    /// </summary>
    public abstract Doorbell? Events { get; }

    /// <summary>
    /// Has the queue's doorbells wake its thread, from now until it is disposed. A queue whose doorbells come and go, as those of a guest's interface do with its driver, keeps the
    /// waiter up to date; the rest have <see cref="Events"/> alone.
    /// </summary>
    /// <param name="waiter">The thread's waiter; outlives the queue.</param>
    /// <param name="bit">Set by the waiter when the queue may have something to do after <see cref="Arm"/>.</param>
    /// <param name="wake">
    /// Wakes the thread as well. Rung, from any thread, where the queue changes under its user: it does so in the next call to <see cref="Receive"/> or <see cref="Arm"/>, and
    /// somebody waits for that. So a thread calls one of them on each of its queues in each of its turns.
    /// </param>
    public virtual void Listen(DoorbellWaiter waiter, int bit, Doorbell wake)
    {
        if (Events is { } events)
        {
            waiter.Add(events, bit);
            _waiter = waiter;
        }
    }

    /// <summary>
    /// True where <see cref="Transmit"/> copies: the frames that it took are the caller's again when it returns, and <see cref="Reclaim"/> gives nothing back. The same for a queue's life.
    /// </summary>
    public virtual bool CopiesFrames => false;

    /// <summary>How many buffers it has a use for at a time, where that is less than the depth that it was opened with: one that fills them when it is asked for frames needs as many as are asked for.</summary>
    public virtual int UsefulBuffers => int.MaxValue;

    /// <summary>Takes frames to transmit, from the first on.</summary>
    /// <returns>How many were taken; fewer than given where the ring is full. A frame that cannot be sent is taken as well, dropped, and counted.</returns>
    public abstract int Transmit(ReadOnlySpan<NetFrame> frames);

    /// <summary>Gives back the tags of frames that were transmitted or dropped; those of a queue that copies were not kept.</summary>
    /// <returns>Number of tags written.</returns>
    public virtual int Reclaim(Span<int> tags) => 0;

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
        if (_waiter is { } waiter && Events is { } events)
        {
            waiter.Remove(events);
        }

        _waiter = null;
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the queue.</summary>
    protected abstract void Dispose(bool disposing);
}
