namespace Makatea.Platform;

/// <summary>
/// One thread's way to a block device: batches of requests in, batches of completions out. Nothing is allocated and nothing blocks.
/// Each layer costs one virtual call a batch, none a request.
/// </summary>
/// <remarks>
/// The user keeps three promises: no more requests outstanding than the depth that it opened the queue with, a tag less than the depth and not outstanding,
/// and scatter lists and data that stay valid until the completion. In return every request completes exactly once, in any order,
/// whatever fails. Requests may be malformed only in the ways that a guest's may: sectors beyond the end, or not of the device's block size, complete with
/// <see cref="BlockStatus.IoError"/> and touch nothing.
/// </remarks>
public abstract class BlockQueue : IDisposable
{
    /// <summary>Result of <see cref="Arm"/>: completions are waiting, or progress can be made now; do not sleep.</summary>
    public const long Ready = 0;

    /// <summary>
    /// Rings when completions wait, after <see cref="Arm"/>: the doorbell given to <see cref="BlockDevice.OpenQueue"/> or the queue's own;
    /// null where requests always complete within <see cref="Submit"/> or at <see cref="Arm"/>'s time. It may ring without cause.
    /// </summary>
    public abstract Doorbell? Completions { get; }

    /// <summary>Takes all of <paramref name="requests"/>. They are copied; the scatter lists are not.</summary>
    public abstract void Submit(ReadOnlySpan<BlockRequest> requests);

    /// <summary>Hands out completions, and makes progress where there is any to be made.</summary>
    /// <returns>Number of completions written to <paramref name="completions"/>, 0 where none is ready.</returns>
    public abstract int Poll(Span<BlockCompletion> completions);

    /// <summary>
    /// To be called before sleeping: makes <see cref="Completions"/> ring for the next completion and looks once more.
    /// </summary>
    /// <returns>
    /// <see cref="Ready"/>, or the <see cref="TimeProvider.GetTimestamp"/> of <see cref="TimeProvider.System"/> by which <see cref="Poll"/> wants to be called at the latest
    /// (<see cref="DoorbellWaiter.Forever"/> where only the doorbell matters).
    /// </returns>
    public abstract long Arm();

    /// <summary>Ends the queue. No request may be outstanding.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the queue.</summary>
    protected abstract void Dispose(bool disposing);
}
