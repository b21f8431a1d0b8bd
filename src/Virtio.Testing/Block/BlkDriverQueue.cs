using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>
/// One queue of a virtio-blk driver: batches of requests in, batches of results out, nothing allocated. One thread uses it.
/// </summary>
public abstract class BlkDriverQueue : IDisposable
{
    private readonly ComponentHost _host;
    private readonly DoorbellWaiter _waiter;

    private protected BlkDriverQueue(int index, DriverRingSetup setup, ComponentHost host)
    {
        Index = index;
        Setup = setup;
        _host = host;
        Kick = host.CreateDoorbell();
        Call = host.CreateDoorbell();
        Error = host.CreateDoorbell();
        _waiter = host.CreateWaiter();
        _waiter.Add(Call, 0);
    }

    /// <summary>Index of the queue in its device.</summary>
    public int Index { get; }

    /// <summary>Where the ring is.</summary>
    public DriverRingSetup Setup { get; }

    /// <summary>Rung for the device.</summary>
    public Doorbell Kick { get; }

    /// <summary>Rung by the device.</summary>
    public Doorbell Call { get; }

    /// <summary>Rung by the device when it gave the queue up.</summary>
    public Doorbell Error { get; }

    /// <summary>Requests that the device has.</summary>
    public abstract int Outstanding { get; }

    /// <summary>Where the driver stands.</summary>
    public abstract RingPosition Position { get; }

    /// <summary>Whether waiting is sleeping until the device rings <see cref="Call"/>; otherwise it is polling.</summary>
    public bool UsesCalls { get; init; } = true;

    /// <summary>Number of times that the device was notified.</summary>
    public long Kicks { get; private protected set; }

    /// <summary>Adds as many requests as the ring takes, publishes them and notifies the device if it wants that.</summary>
    /// <returns>How many were taken.</returns>
    public abstract int Submit(ReadOnlySpan<BlkRequest> requests);

    /// <summary>Adds one request whose data is in several pieces, publishes it and notifies the device if it wants that.</summary>
    /// <returns>False where the ring is full.</returns>
    public abstract bool Submit(BlkRequestType type, ulong sector, ReadOnlySpan<GuestSegment> data, uint token);

    /// <summary>Adds any buffer, whether it is a request or not; its result has the status <see cref="BlkStatus.NotWritten"/>.</summary>
    /// <returns>False where the ring is full.</returns>
    public abstract bool SubmitRaw(ReadOnlySpan<GuestSegment> segments, int readable, uint token);

    /// <summary>Takes results.</summary>
    /// <returns>How many were written to <paramref name="results"/>.</returns>
    /// <exception cref="DeviceMisbehavedException">The device broke the ring.</exception>
    public abstract int Poll(Span<BlkResult> results);

    /// <summary>Asks for a notification at the next result.</summary>
    /// <returns>True where there is one already.</returns>
    public abstract bool EnableCallbacks();

    /// <summary>Tells the device that the driver polls.</summary>
    public abstract void DisableCallbacks();

    /// <summary>Takes results, and waits until there are some.</summary>
    /// <returns>How many, at least 1.</returns>
    /// <exception cref="TimeoutException">There were none in time.</exception>
    public int Wait(Span<BlkResult> results, TimeSpan timeout)
    {
        long deadline = TimeProvider.System.GetTimestamp() + (long)(timeout.TotalSeconds * TimeProvider.System.TimestampFrequency);
        SpinWait spin = default;
        while (true)
        {
            int count = Poll(results);
            if (count != 0)
            {
                return count;
            }

            if (TimeProvider.System.GetTimestamp() > deadline)
            {
                throw new TimeoutException($"queue {Index}: none of {Outstanding} requests ended within {timeout}");
            }

            if (!UsesCalls)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }
            else if (!EnableCallbacks())
            {
                _waiter.Wait(deadline);
            }
        }
    }

    /// <summary>Whether the device gave the queue up, waiting for it to.</summary>
    public bool WaitForError(TimeSpan timeout)
    {
        using DoorbellWaiter waiter = _host.CreateWaiter();
        waiter.Add(Error, 0);
        bool rang = waiter.Wait(TimeProvider.System.GetTimestamp() + (long)(timeout.TotalSeconds * TimeProvider.System.TimestampFrequency)) != 0;
        waiter.Remove(Error);
        return rang;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _waiter.Dispose();
        Kick.Dispose();
        Call.Dispose();
        Error.Dispose();
        GC.SuppressFinalize(this);
    }
}
