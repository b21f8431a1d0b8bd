using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>
/// The deadlines of a guest's devices. One thread a guest sleeps until the first of them (<see cref="Start"/>); tests call <see cref="RunDue"/> instead and step the time.
/// </summary>
/// <remarks>
/// Callbacks run on that thread, one after the other and without a lock of anybody else's. Arming asks the thread to wake only where the new deadline is earlier than the one it sleeps for.
/// </remarks>
public sealed class DeadlineQueue : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Lock _calling = new();
    private readonly DeadlineHeap _heap = new();
    private Doorbell? _earlier;
    private DoorbellWaiter? _waiter;
    private Thread? _thread;
    private long _sleepsUntil = long.MinValue;
    private bool _stopped;

    /// <summary>Makes a queue with nothing in it.</summary>
    /// <param name="clock">What deadlines are measured by; while it is paused nothing is due.</param>
    public DeadlineQueue(GuestClock clock)
    {
        ArgumentNullException.ThrowIfNull(clock);
        Clock = clock;
        clock.Resumed += Wake;
    }

    /// <summary>What deadlines are measured by.</summary>
    public GuestClock Clock { get; }

    /// <summary>The earliest deadline, or null where there is none.</summary>
    public long? NextDue
    {
        get
        {
            lock (_lock)
            {
                return _heap.First?.Due;
            }
        }
    }

    /// <summary>Makes a timer that is not armed.</summary>
    /// <param name="expired">Called once each time it was armed and became due. Short, does not block, does not throw.</param>
    public DeadlineTimer CreateTimer(Action expired)
    {
        ArgumentNullException.ThrowIfNull(expired);
        return new(this, expired);
    }

    /// <summary>Starts the thread.</summary>
    /// <param name="host">Makes what it sleeps with.</param>
    public void Start(ComponentHost host)
    {
        ArgumentNullException.ThrowIfNull(host);
        if (_thread is not null)
        {
            throw new InvalidOperationException("the queue has a thread already");
        }

        _waiter = host.CreateWaiter();
        Doorbell earlier = host.CreateDoorbell();
        _waiter.Add(earlier, 0);
        Volatile.Write(ref _earlier, earlier);
        _thread = new Thread(Run) { IsBackground = true, Name = "deadlines" };
        _thread.Start();
    }

    /// <summary>Calls back all that is due now; what is armed meanwhile waits for the next call.</summary>
    /// <returns>Number of callbacks.</returns>
    public int RunDue()
    {
        long now = Clock.Now;
        int called = 0;
        int most;
        lock (_lock)
        {
            most = _heap.Count;
        }

        lock (_calling)
        {
            while (called < most && TakeDue(now) is { } timer)
            {
                timer.Expired();
                called++;
            }
        }

        return called;
    }

    /// <summary>While the clock is paused: waits until no callback is under way any more. None begins until the clock goes on.</summary>
    public void WaitUntilIdle()
    {
        lock (_calling)
        {
        }
    }

    /// <summary>Ends the thread. Not to be called by a callback.</summary>
    public void Dispose()
    {
        Clock.Resumed -= Wake;
        Volatile.Write(ref _stopped, true);
        Wake();
        _thread?.Join();
        _thread = null;
        lock (_lock)
        {
            _waiter?.Dispose();
            _earlier?.Dispose();
            _waiter = null;
            _earlier = null;
        }
    }

    internal void Arm(DeadlineTimer timer, long due)
    {
        lock (_lock)
        {
            _heap.Set(timer, due);
            if (due < _sleepsUntil)
            {
                _sleepsUntil = long.MinValue; // The next one to arm need not ring too.
                _earlier?.Ring();
            }
        }
    }

    internal void Cancel(DeadlineTimer timer)
    {
        lock (_lock)
        {
            _heap.Remove(timer);
        }
    }

    private DeadlineTimer? TakeDue(long now)
    {
        lock (_lock)
        {
            if (_heap.First is not { } first || first.Due > now || Clock.IsPaused)
            {
                return null;
            }

            _heap.Remove(first);
            return first;
        }
    }

    private void Run()
    {
        while (!Volatile.Read(ref _stopped))
        {
            if (RunDue() == 0)
            {
                _waiter!.Wait(Sleep());
            }
        }
    }

    /// <summary>Says until when we sleep, so that whoever arms something earlier rings.</summary>
    private long Sleep()
    {
        lock (_lock)
        {
            long until = _heap.First is { } first && !Clock.IsPaused ? first.Due : long.MaxValue;
            _sleepsUntil = until;
            if (until == long.MaxValue)
            {
                return DoorbellWaiter.Forever;
            }

            long remaining = Math.Max(0, until - Clock.Now);
            TimeProvider system = TimeProvider.System;
            return system.GetTimestamp() + (system.TimestampFrequency == GuestClock.Second
                ? remaining
                : (long)((Int128)remaining * system.TimestampFrequency / GuestClock.Second));
        }
    }

    private void Wake()
    {
        lock (_lock)
        {
            _earlier?.Ring();
        }
    }
}
