using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// The event loop of one queue, on a thread of its own: run to completion, publish once a batch, notify once a batch, poll
/// while it pays and sleep when idle. Made by <see cref="QueueLoop.Create"/>.
/// </summary>
internal sealed class QueueLoop<TRing, THandler> : QueueWorker
    where TRing : struct, IDeviceRing, IDisposable
    where THandler : struct, IQueueHandler
{
    private const int KickBit = 0;
    private const int ControlBit = 1;
    private const int WakeupBit = 2;

    private readonly Doorbell? _kick;
    private readonly Doorbell? _error;
    private readonly Doorbell _control;
    private readonly DoorbellWaiter _waiter;
    private readonly Thread _thread;
    private readonly QueueCounters _counters;
    private TRing _ring;
#pragma warning disable IDE0044 // A mutable struct: readonly would call its methods on copies.
    private THandler _handler;
#pragma warning restore IDE0044
    private PollWindow _pollWindow;
    private readonly Lock _controlLock = new();
    private readonly ManualResetEventSlim _callTaken = new();
    private Doorbell? _call;
    private Doorbell? _newCall;
    private volatile bool _callChanged;
    private volatile bool _stopping;
    private volatile RingFault _fault;
    private volatile bool _running;
    private bool _isDeaf;
    private bool _disposed;

    public QueueLoop(QueueSetup setup, TRing ring, THandler handler, QueueLoopOptions options)
    {
        _ring = ring;
        _handler = handler;
        _counters = options.Counters;
        _kick = setup.Kick;
        _call = setup.Call;
        _error = setup.Error;
        _control = setup.Host.CreateDoorbell();
        _waiter = setup.Host.CreateWaiter();
        _waiter.Add(_control, ControlBit);
        if (_kick is not null)
        {
            _waiter.Add(_kick, KickBit);
        }

        if (_handler.Wakeup is Doorbell wakeup)
        {
            _waiter.Add(wakeup, WakeupBit);
        }

        _pollWindow = new PollWindow(options.PollTime);
        _thread = new Thread(Run) { IsBackground = true, Name = options.Name };
    }

    public override RingFault Fault => _fault;

    public override Doorbell? Call
    {
        get
        {
            lock (_controlLock)
            {
                return _call;
            }
        }

        set
        {
            lock (_controlLock)
            {
                _callTaken.Reset();
                _newCall = value;
                _callChanged = true;

                // Pairs with the one at the thread's end.
                Interlocked.MemoryBarrier();
                if (_running)
                {
                    // The caller may dispose the old doorbell when we return: wait until the thread is done with it.
                    _control.Ring();
                    _callTaken.Wait();
                }
                else
                {
                    TakeCall();
                }
            }
        }
    }

    public override void Start()
    {
        _running = true;
        _thread.Start();
    }

    public override RingPosition Stop()
    {
        _stopping = true;
        _control.Ring();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        return _ring.Position;
    }

    public override void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        Stop();
        _handler.Dispose();
        _ring.Dispose();
        _waiter.Dispose();
        _control.Dispose();
        _callTaken.Dispose();
    }

    private void TakeCall()
    {
        _callChanged = false;
        _call = _newCall;
        _callTaken.Set();

        // Whoever waits on the new one may have missed what the old one said.
        _call?.Ring();
    }

    private void Run()
    {
        _ring.DisableNotifications();
        while (true)
        {
            if (_callChanged)
            {
                TakeCall();
            }

            bool progress = _handler.Process(ref _ring, !_stopping);
            if (_ring.Publish())
            {
                Notify();
            }

            if (progress)
            {
                _counters.Batches++;
                _pollWindow.Busy();
                continue;
            }

            if (_ring.Fault != RingFault.None && _fault == RingFault.None)
            {
                ReportFault();
            }

            if (_stopping && _handler.Outstanding == 0)
            {
                break;
            }

            if (_pollWindow.GoOn() && _fault == RingFault.None)
            {
                Thread.SpinWait(1);
                continue;
            }

            Sleep();
        }

        // Both orders of this and of a new call doorbell end well: either we take it here or its setter finds us gone.
        _running = false;
        Interlocked.MemoryBarrier();
        if (_callChanged)
        {
            TakeCall();
        }
    }

    private void Sleep()
    {
        if (_stopping)
        {
            Drain();
            return;
        }

        if (_kick is null && _fault == RingFault.None)
        {
            // The driver said that it does not notify: polling is all there is, at a pace that leaves the processor to others.
            _waiter.Wait(TimeProvider.System.GetTimestamp() + (TimeProvider.System.TimestampFrequency / 20_000));
            return;
        }

        // Arm, then look again: a buffer that came in between would not have rung.
        if (_ring.EnableNotifications())
        {
            _ring.DisableNotifications();
            return;
        }

        long deadline = _handler.Arm();
        if (deadline != BlockQueue.Ready)
        {
            _counters.Sleeps++;
            ulong rung = _waiter.Wait(deadline);
            _counters.Kicks += (long)(rung >> KickBit) & 1;
            _pollWindow.Slept();
        }

        _ring.DisableNotifications();
    }

    /// <summary>Waits for what was taken. Neither kicks nor the ring's suppression of them are ours any more: somebody else may serve the queue already.</summary>
    private void Drain()
    {
        if (_kick is not null && !_isDeaf)
        {
            _isDeaf = true;
            _waiter.Remove(_kick);
        }

        long deadline = _handler.Arm();
        if (deadline != BlockQueue.Ready)
        {
            _waiter.Wait(deadline);
        }
    }

    private void Notify()
    {
        _counters.Calls++;
        _call?.Ring();
    }

    private void ReportFault()
    {
        _fault = _ring.Fault;
        _counters.Faults++;
        _error?.Ring();
        OnBroken();
    }
}

/// <summary>Makes queue loops.</summary>
public static class QueueLoop
{
    /// <summary>
    /// Makes the worker of a queue: a loop over the kind of ring that was negotiated, with <paramref name="handler"/> compiled in.
    /// </summary>
    /// <exception cref="ArgumentException">The setup breaks a rule of the standard; the message says which. The handler is disposed.</exception>
    public static QueueWorker Create<THandler>(QueueSetup setup, THandler handler, QueueLoopOptions options)
        where THandler : struct, IQueueHandler
    {
        try
        {
            return (setup.Features & VirtioFeatures.PackedRing) != 0
                ? new QueueLoop<PackedRing, THandler>(setup, new PackedRing(setup), handler, options)
                : new QueueLoop<SplitRing, THandler>(setup, new SplitRing(setup), handler, options);
        }
        catch
        {
            handler.Dispose();
            throw;
        }
    }
}

/// <summary>How a queue loop runs.</summary>
public sealed record QueueLoopOptions
{
    /// <summary>Name of the thread.</summary>
    public required string Name { get; init; }

    /// <summary>Where the loop counts.</summary>
    public required QueueCounters Counters { get; init; }

    /// <summary>The longest that an idle queue polls before it sleeps; zero never polls.</summary>
    public TimeSpan PollTime { get; init; } = TimeSpan.FromMicroseconds(50);
}
