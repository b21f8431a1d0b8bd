using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>
/// One pair of queues of a virtio-net driver, as a queue of a port. Frames are copied into and out of memory that the device has, so that it sees nothing else; nothing that it
/// says is believed unchecked.
/// </summary>
internal abstract class DriverNetQueue : NetQueue
{
    private volatile Action? _restart;
    private readonly ManualResetEventSlim _restarted = new();
    private Doorbell? _wake;

    /// <summary>The ring for received frames.</summary>
    public abstract DriverRingSetup ReceiveSetup { get; }

    /// <summary>The ring for frames to transmit.</summary>
    public abstract DriverRingSetup TransmitSetup { get; }

    /// <summary>Doorbells of the ring for received frames: kick and call.</summary>
    public abstract (Doorbell Kick, Doorbell Call) ReceiveBells { get; }

    /// <summary>Doorbells of the ring for frames to transmit.</summary>
    public abstract (Doorbell Kick, Doorbell Call) TransmitBells { get; }

    /// <summary>What was counted.</summary>
    public abstract NetStatistics Statistics { get; }

    /// <inheritdoc/>
    public override Doorbell? Events => ReceiveBells.Call;

    /// <inheritdoc/>
    public override void Listen(DoorbellWaiter waiter, int bit, Doorbell wake)
    {
        base.Listen(waiter, bit, wake);
        _wake = wake;
    }

    /// <summary>
    /// Starts both rings anew, between two batches of the queue's thread where that has begun to listen: the device that had them is gone. What was in them is lost.
    /// </summary>
    public void Restart()
    {
        if (_wake is null)
        {
            Reset();
            return;
        }

        _restarted.Reset();
        _restart = Reset;
        _wake.Ring();
        _restarted.Wait();
    }

    /// <summary>Does what was asked for from outside. To be called on the queue's thread before each batch.</summary>
    protected void TakeRestart()
    {
        if (_restart is { } restart)
        {
            _restart = null;
            restart();
            _restarted.Set();
        }
    }

    /// <summary>The device broke a ring: it is believed nothing more until it is another.</summary>
    public bool HasFailed { get; protected set; }

    /// <summary>Called when the device broke a ring.</summary>
    public Action<Exception>? Failed { get; set; }

    /// <summary>Gives the device up.</summary>
    protected void Fail(Exception reason)
    {
        HasFailed = true;
        Failed?.Invoke(reason);
    }

    /// <summary>Starts both rings anew.</summary>
    protected abstract void Reset();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        TakeRestart();
        _restarted.Dispose();
    }
}
