namespace Makatea.Vmm;

/// <summary>One deadline that can be set, moved and taken back from any thread, without allocation.</summary>
public sealed class DeadlineTimer
{
    private readonly DeadlineQueue _queue;

    internal DeadlineTimer(DeadlineQueue queue, Action expired)
    {
        _queue = queue;
        Expired = expired;
    }

    internal Action Expired { get; }

    /// <summary>When it is due; the queue's lock guards it.</summary>
    internal long Due { get; set; }

    /// <summary>Its place in the heap, or -1; the queue's lock guards it.</summary>
    internal int Place { get; set; } = -1;

    /// <summary>Sets the deadline, or moves it.</summary>
    /// <param name="due">A <see cref="GuestClock.Now"/>; one in the past is due at once.</param>
    public void Arm(long due) => _queue.Arm(this, due);

    /// <summary>
    /// Takes the deadline back. The callback may still be about to run on the queue's thread, so it looks at its device's state, under its device's lock, before it does anything.
    /// </summary>
    public void Cancel() => _queue.Cancel(this);
}
