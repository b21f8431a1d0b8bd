namespace Makatea.Drivers.E1000;

/// <summary>
/// Lets the thread that resets the adapter have a queue for itself, at no cost to the queue's own thread: neither takes a lock, and only the resetting one pays for a fence.
/// </summary>
/// <remarks>
/// The queue's thread stores "inside" and then loads the state; the resetting one stores the state and then loads "inside". x86 may let a load overtake an earlier
/// store, so both could miss the other. The fence over all processors in <see cref="E1000Port"/> stands for the one that each batch would otherwise need: after it, either the
/// queue's store is seen here, or its load sees the new state.
/// </remarks>
internal sealed class QueueGate
{
    private readonly AdapterState _state;
    private int _inside;

    public QueueGate(AdapterState state) => _state = state;

    /// <summary>Begins a batch.</summary>
    /// <returns>How the adapter is; the batch may go on unless it is <see cref="AdapterState.Resetting"/>. Either way it ends with <see cref="Exit"/>.</returns>
    public int Enter()
    {
        Volatile.Write(ref _inside, 1);
        return _state.Value;
    }

    /// <summary>Ends a batch.</summary>
    public void Exit() => Volatile.Write(ref _inside, 0);

    /// <summary>Waits until the queue's thread is outside. The state is <see cref="AdapterState.Resetting"/> already, and a fence over all processors came after.</summary>
    public void WaitUntilOutside()
    {
        var spin = default(SpinWait);
        while (Volatile.Read(ref _inside) != 0)
        {
            spin.SpinOnce();
        }
    }
}

/// <summary>How an adapter is, as its queues see it.</summary>
internal sealed class AdapterState
{
    /// <summary>All goes on.</summary>
    public const int Running = 0;

    /// <summary>Frames to transmit are dropped.</summary>
    public const int NoLink = 1;

    /// <summary>It is gone: frames to transmit are dropped, nothing is received.</summary>
    public const int Gone = 2;

    /// <summary>Another thread has the queues.</summary>
    public const int Resetting = 3;

    private int _value = NoLink;

    /// <summary>The state.</summary>
    public int Value
    {
        get => Volatile.Read(ref _value);
        set => Volatile.Write(ref _value, value);
    }
}
