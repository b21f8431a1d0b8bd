namespace Makatea.Sel4.LinuxAbi;

/// <summary>Who waits until when: threads in calls with an end, and notifications that are to be signalled at a time.</summary>
internal static unsafe class Deadlines
{
    private const ulong TimerBadge = 1ul << 63;

    private static WaiterTimer* s_timers;
    private static uint s_firstWaiter;
    private static int s_waiters;
    private static ulong s_earliest;

    /// <summary>Starts with nobody waiting.</summary>
    internal static bool Start(ComponentInfo* info)
    {
        s_firstWaiter = (uint)info->FirstWaiter;
        s_waiters = (int)info->Waiters;
        s_earliest = Clock.Never;
        s_timers = (WaiterTimer*)PageStore.Reserve(info->Waiters * (ulong)sizeof(WaiterTimer));
        for (int i = 0; i < s_waiters && s_timers != null; i++)
        {
            s_timers[i] = new WaiterTimer { Moment = Clock.Never };
        }

        return s_timers != null;
    }

    /// <summary>Something is to happen at a moment.</summary>
    internal static void Add(ulong moment)
    {
        if (moment < s_earliest)
        {
            s_earliest = moment;
            Ticker.Set(moment);
        }
    }

    /// <summary>LayerRequest.SetTimer.</summary>
    internal static long SetTimer(ulong waiter, ulong moment)
    {
        if (waiter >= (ulong)s_waiters)
        {
            return Errno.Invalid;
        }

        WaiterTimer* timer = s_timers + waiter;
        if (timer->Slot == 0)
        {
            uint slot = PageStore.TakeSlot();
            if (slot == 0 || !LayerKernel.Copy(s_firstWaiter + (uint)waiter, slot, TimerBadge))
            {
                return Errno.NoMemory;
            }

            timer->Slot = slot;
        }

        timer->Moment = moment == 0 ? Clock.Never : moment;
        Add(timer->Moment);
        return 0;
    }

    /// <summary>The time has come, for some.</summary>
    internal static void Pass()
    {
        ulong now = Clock.Now();
        s_earliest = Clock.Never;
        ulong next = Clock.Never;
        for (int i = 0; i < s_waiters; i++)
        {
            if (s_timers[i].Moment <= now)
            {
                s_timers[i].Moment = Clock.Never;
                LayerKernel.Signal(s_timers[i].Slot);
            }

            next = s_timers[i].Moment < next ? s_timers[i].Moment : next;
        }

        for (int i = 0; i < Threads.Count; i++)
        {
            LinuxThread* thread = Threads.Get(i);
            if (thread->Deadline <= now)
            {
                thread->Deadline = Clock.Never;
                Waits.EndByTime(thread);
            }

            next = thread->Deadline < next ? thread->Deadline : next;
        }

        Add(next);
        if (next == Clock.Never && s_earliest == Clock.Never)
        {
            Ticker.Set(Clock.Never);
        }
    }
}

/// <summary>A notification's time.</summary>
internal struct WaiterTimer
{
    internal ulong Moment;

    /// <summary>Slot of the capability by which it is signalled.</summary>
    internal uint Slot;
}
