using System.Collections.Concurrent;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// The thread of a net domain: takes batches from all queues in turn, has the forwarder deal with them, sends, polls while that pays and sleeps at the doorbells when idle. Nothing that it works with has
/// locks: whoever wants something of it or of the forwarder posts an action, which runs between two turns.
/// </summary>
public sealed class ForwardingLoop : IDisposable
{
    private const int ControlBit = 0;
    private const int QueueBit = 1;

    /// <summary>Turns between two looks at the clock, which costs as much as a frame or two; far less than a millisecond of full batches.</summary>
    private const int TurnsPerLook = 8;

    private static readonly long _ticksPerMillisecond = Math.Max(1, TimeProvider.System.TimestampFrequency / 1000);

    private readonly ForwardingPlane _plane;
    private readonly Doorbell _control;
    private readonly DoorbellWaiter _waiter;
    private readonly Thread _thread;
    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly Dictionary<ForwardingPort, Action> _watches = [];
    private PollWindow _pollWindow;
    private volatile bool _hasPosted;
    private volatile bool _isStopping;

    /// <summary>Makes a loop, which <see cref="Start"/> starts.</summary>
    /// <param name="host">Makes doorbells and waiters.</param>
    /// <param name="plane">What it drives; has no ports yet.</param>
    /// <param name="options">How it runs.</param>
    public ForwardingLoop(ComponentHost host, ForwardingPlane plane, ForwardingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(host);
        options ??= new();
        _plane = plane;
        _control = host.CreateDoorbell();
        _waiter = host.CreateWaiter();
        _waiter.Add(_control, ControlBit);
        _pollWindow = new(options.PollTime);
        _thread = new Thread(Run) { IsBackground = true, Name = options.Name };
    }

    /// <summary>Times that the thread slept; for measurements.</summary>
    public long Sleeps { get; private set; }

    /// <summary>Starts the thread.</summary>
    public void Start() => _thread.Start();

    /// <summary>Has the thread do something between two turns, in the order of posting. What it throws ends the component. Returns at once.</summary>
    public void Post(Action action)
    {
        _posted.Enqueue(action);
        _hasPosted = true;
        _control.Ring();
    }

    /// <summary>Has the thread do something between two turns. The task ends when it is done, or with what it threw. Not to be waited for on the thread itself.</summary>
    public Task RunAsync(Action action) => RunAsync(() =>
    {
        action();
        return true;
    });

    /// <summary>Has the thread work something out between two turns.</summary>
    public Task<T> RunAsync<T>(Func<T> function)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(() =>
        {
            try
            {
                done.SetResult(function());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        });
        return done.Task;
    }

    /// <summary>
    /// Opens all queues of a port and has the thread serve it. The port learns of the frames' memory; where it cannot reach that, it copies. It stays the caller's to dispose, after <see cref="DetachAsync"/>.
    /// </summary>
    /// <param name="port">The port.</param>
    /// <param name="name">Its name, for people.</param>
    /// <param name="options">How its queues are to be; their buffers are those of the pool.</param>
    /// <exception cref="ArgumentException">An option is not possible.</exception>
    /// <exception cref="InvalidOperationException">There are too few buffers.</exception>
    public async Task<ForwardingPort> AttachAsync(NetPort port, string name, NetQueueOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(port);
        options = (options ?? new()) with { ReceiveBufferLength = FramePool.BufferLength };
        try
        {
            port.AddMemory(_plane.Frames.Memory);
        }
        catch (IOException)
        {
            // It says itself that it copies then, and counts.
        }

        var queues = new NetQueue[port.Info.QueueCount];
        try
        {
            for (int i = 0; i < queues.Length; i++)
            {
                queues[i] = port.OpenQueue(i, options);
            }

            return await RunAsync(() => Attach(port, name, queues, options)).ConfigureAwait(false);
        }
        catch
        {
            foreach (NetQueue? queue in queues)
            {
                queue?.Dispose();
            }

            port.RemoveMemory(_plane.Frames.Memory);
            throw;
        }
    }

    /// <summary>Takes a port away; its queues are closed.</summary>
    public async Task DetachAsync(ForwardingPort port)
    {
        ArgumentNullException.ThrowIfNull(port);
        await RunAsync(() => Detach(port)).ConfigureAwait(false);
        port.NetPort.RemoveMemory(_plane.Frames.Memory);
    }

    /// <summary>Ends the thread and closes the queues of all ports.</summary>
    public void Dispose()
    {
        if (_isStopping)
        {
            return;
        }

        _isStopping = true;
        _control.Ring();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        RunPosted();
        for (int i = 0; i < _plane.PortLimit; i++)
        {
            if (_plane.Port(i) is { } port)
            {
                Detach(port);
                port.NetPort.RemoveMemory(_plane.Frames.Memory);
            }
        }

        _waiter.Dispose();
        _control.Dispose();
    }

    private ForwardingPort Attach(NetPort port, string name, NetQueue[] queues, NetQueueOptions options)
    {
        ForwardingPort attached = _plane.Attach(port, name, queues, options);
        foreach (ForwardingQueue queue in attached.Queues)
        {
            queue.Listen(_waiter, QueueBit, _control);
        }

        Action watch = () =>
        {
            attached.IsStale = true;
            _control.Ring();
        };
        _watches.Add(attached, watch);
        port.InfoChanged += watch;

        // What changed before anybody watched.
        attached.IsStale = true;
        return attached;
    }

    private void Detach(ForwardingPort port)
    {
        if (_watches.Remove(port, out Action? watch))
        {
            port.NetPort.InfoChanged -= watch;
            _plane.Detach(port);
        }
    }

    private void Run()
    {
        long now = 0;
        int turns = 0;
        while (!_isStopping)
        {
            if (_hasPosted)
            {
                RunPosted();
            }

            if (turns-- == 0)
            {
                now = TimeProvider.System.GetTimestamp() / _ticksPerMillisecond;
                turns = TurnsPerLook;
            }

            if (_plane.Turn(now))
            {
                _pollWindow.Busy();
            }
            else if (_pollWindow.GoOn())
            {
                Thread.SpinWait(1);
            }
            else
            {
                Sleep();
                turns = 0;
            }
        }
    }

    private void RunPosted()
    {
        _hasPosted = false;
        while (_posted.TryDequeue(out Action? action))
        {
            action();
        }

        // What it changed may have changed what is due.
        _plane.TickSoon();
    }

    private void Sleep()
    {
        long deadline = _plane.Deadline > long.MaxValue / _ticksPerMillisecond ? DoorbellWaiter.Forever : _plane.Deadline * _ticksPerMillisecond;
        foreach (ForwardingQueue queue in _plane.Queues)
        {
            long wanted = queue.Arm();
            if (wanted == BlockQueue.Ready)
            {
                return;
            }

            deadline = Math.Min(deadline, wanted);
        }

        Sleeps++;
        _waiter.Wait(deadline);
        _pollWindow.Slept();
    }
}
