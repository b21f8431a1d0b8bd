namespace Makatea.Sel4;

/// <content>Its threads, and what is in its table.</content>
internal unsafe partial struct Component
{
    private const int MinUntypedBits = 12;
    private const int MaxUntypedBits = 30;

    // The thread that tells the time yields at once. Its budget is large all the same: what is spent beyond it, as when a virtual processor stands still meanwhile, costs a period for each budget.
    private const ulong TickBudget = 900;
    private const ulong TickPeriod = 1000;

    /// <summary>Takes the time of all of its threads: it stands still.</summary>
    internal readonly bool Suspend()
    {
        bool done = true;
        for (uint i = 0; i < _threads; i++)
        {
            done &= ThreadCalls.TakeTime(_firstTime + i).IsDone;
        }

        return done;
    }

    /// <summary>Microseconds of processor time that its threads took since the last call.</summary>
    internal readonly ulong TakeConsumed()
    {
        ulong consumed = 0;
        for (uint i = 0; i < _threads; i++)
        {
            consumed += KernelCall.Invoke(_firstTime + i, BoardValue.SchedContextConsumed, 0, 0).Value;
        }

        return consumed;
    }

    /// <summary>Gives it back, budgets anew. Another thread is the first each time, as there may be time for one alone before it is taken again.</summary>
    internal bool Resume(Resources* machine)
    {
        bool done = true;
        _firstResumed++;
        for (uint i = 0; i < _threads; i++)
        {
            uint thread = (_firstResumed + i) % _threads;
            done &= SetBudget(machine, thread).IsDone && ThreadCalls.GiveTime(_firstTime + thread, _firstThread + thread).IsDone;
        }

        return done;
    }

    private ComponentFault MakeThreads(Resources* machine, in ComponentPlan plan)
    {
        _threads = plan.AllThreads;
        _hasTicker = plan.HasTicker;
        _budget = plan.Budget;
        _period = plan.Period;
        Waiters = plan.Waiters;
        _endpoint = plan.ServesConsole ? plan.Console : Holdings.Make(BoardValue.ObjectEndpoint);
        uint events = Holdings.Make(BoardValue.ObjectNotification);
        uint faults = Holdings.TakeSlot();
        _firstThread = MakeRow(BoardValue.ObjectTcb, _threads);
        _firstTime = MakeRow(BoardValue.ObjectSchedContext, _threads);
        uint replies = MakeRow(BoardValue.ObjectReply, _threads);
        FirstWaiter = MakeRow(BoardValue.ObjectNotification, Waiters);
        if (_endpoint == SlotAllocator.None || events == SlotAllocator.None || faults == SlotAllocator.None || _firstThread == SlotAllocator.None || _firstTime == SlotAllocator.None
            || replies == SlotAllocator.None || (Waiters > 0 && FirstWaiter == SlotAllocator.None) || !TryMapNew(ComponentLayout.IpcBuffer, CapabilityRights.ReadWrite, out uint buffer))
        {
            return ComponentFault.Memory;
        }

        for (uint i = 0; i < _threads; i++)
        {
            // The first thread's faults are the root task's to hear, with the component's number; the others' the first thread's, with the number of the thread.
            bool isFirst = i == 0;
            if (!CapabilitySpace.Mint(isFirst ? machine->Faults : _endpoint, faults, CapabilityRights.All, isFirst ? plan.Number + 1 : i).IsDone
                || !SetBudget(machine, i).IsDone
                || !ThreadCalls.Configure(_firstThread + i, Table, TableData, _root, isFirst ? ComponentLayout.IpcBuffer : 0, isFirst ? buffer : 0).IsDone
                || !ThreadCalls.Schedule(_firstThread + i, plan.Priority, isFirst || IsTicker(i) ? plan.Priority : plan.Priority - 1, _firstTime + i, faults).IsDone
                || !CapabilitySpace.Delete(faults).IsDone)
            {
                return ComponentFault.Kernel;
            }
        }

        return ThreadCalls.BindNotification(_firstThread, events).IsDone && FillTable(machine, plan, events, replies) ? ComponentFault.None : ComponentFault.Kernel;
    }

    private bool FillTable(Resources* machine, in ComponentPlan plan, uint events, uint replies)
    {
        const CapabilityRights Send = CapabilityRights.Write | CapabilityRights.GrantReply;
        uint next = ComponentLayout.EventsSlot + 1;
        bool done = Give(ComponentLayout.FirstThreadSlot, _firstThread)
            & CapabilitySpace.MintTo(Table, TableBits, ComponentLayout.TableSlot, Table, CapabilityRights.All, TableData).IsDone
            & Give(ComponentLayout.AddressSpaceSlot, _root)
            & Give(ComponentLayout.FaultSlot, _endpoint)
            & CapabilitySpace.MintTo(Table, TableBits, ComponentLayout.RootSlot, machine->Faults, Send, plan.Number + 1).IsDone
            & Give(ComponentLayout.EventsSlot, events)
            & (plan.Console == 0 || CapabilitySpace.MintTo(Table, TableBits, ComponentLayout.ConsoleSlot, plan.Console, Send, plan.Number + 1).IsDone);
        Info->FirstThread = next;
        Info->Threads = plan.Threads;
        Info->Ticker = _hasTicker ? next + plan.Threads : 0;
        Info->TickMicroseconds = _hasTicker ? TickPeriod : 0;
        done &= GiveRow(ref next, _firstThread + 1, _threads - 1);
        Info->FirstReply = next;
        done &= GiveRow(ref next, replies, _threads);
        Info->FirstWaiter = next;
        Info->Waiters = Waiters;
        done &= GiveRow(ref next, FirstWaiter, Waiters);
        Info->FirstUntyped = next;
        FirstGrantSlot = next + ComponentLayout.MaxUntypeds;
        GrantSlots = plan.GrantSlots;
        Info->FirstEmpty = FirstGrantSlot + GrantSlots;
        Info->EndEmpty = 1ul << TableBits;
        return done;
    }

    /// <summary>Its memory in as few untyped objects as there may be.</summary>
    private ComponentFault MakeMemory(in ComponentPlan plan)
    {
        ulong* bits = (ulong*)((byte*)Info + InfoWriter.UntypedBitsOffset);
        Info->UntypedBitsOffset = InfoWriter.UntypedBitsOffset;
        ulong left = plan.Memory;
        for (int size = MaxUntypedBits; size >= MinUntypedBits && left != 0;)
        {
            if (left < 1ul << size)
            {
                size--;
                continue;
            }

            uint untyped = Info->Untypeds == ComponentLayout.MaxUntypeds ? SlotAllocator.None : Holdings.TakeUntyped(size);
            if (untyped == SlotAllocator.None)
            {
                // Two halves may still be there.
                if (size == MinUntypedBits || Info->Untypeds == ComponentLayout.MaxUntypeds)
                {
                    return ComponentFault.Memory;
                }

                size--;
                continue;
            }

            if (!Give((uint)(Info->FirstUntyped + Info->Untypeds), untyped))
            {
                return ComponentFault.Kernel;
            }

            bits[Info->Untypeds++] = (ulong)size;
            left -= 1ul << size;
        }

        return left == 0 ? ComponentFault.None : ComponentFault.Memory;
    }

    /// <summary>What the kernel keeps with the table: a guard of zeroes as long as the rest of an address.</summary>
    private readonly ulong TableData => (ulong)(64 - TableBits);

    private readonly bool IsTicker(uint thread) => _hasTicker && thread == _threads - 1;

    private readonly KernelResult SetBudget(Resources* machine, uint thread) =>
        ThreadCalls.SetBudget(machine->ScheduleControl, _firstTime + thread, IsTicker(thread) ? TickBudget : _budget, IsTicker(thread) ? TickPeriod : _period);

    private uint MakeRow(BoardValue type, uint count)
    {
        uint first = SlotAllocator.None;
        for (uint i = 0; i < count; i++)
        {
            uint slot = Holdings.Make(type);
            if (slot == SlotAllocator.None)
            {
                return SlotAllocator.None;
            }

            first = i == 0 ? slot : first;
        }

        return first;
    }

    private readonly bool Give(uint slot, uint source) => CapabilitySpace.CopyTo(Table, TableBits, slot, source, CapabilityRights.All).IsDone;

    private readonly bool GiveRow(ref uint slot, uint source, uint count)
    {
        bool done = true;
        for (uint i = 0; i < count; i++)
        {
            done &= Give(slot++, source + i);
        }

        return done;
    }
}
