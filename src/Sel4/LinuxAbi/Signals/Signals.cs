namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// Signals. A handler runs on its thread through a trampoline (trampoline.S), which keeps the floating-point state, as the kernel tells nobody that of another thread. Of each thread a signal is
/// pending once.
/// </summary>
internal static unsafe class Signals
{
    private const int FromThread = -6; // SI_TKILL
    private const ulong TickNanoseconds = 1_000_000;
    /// <summary>tgkill, tkill, kill within the process.</summary>
    /// <returns>0, or an error.</returns>
    internal static long Send(LinuxThread* sender, ulong process, ulong id, ulong signal)
    {
        LinuxThread* target = id == 0 ? sender : Threads.Find(id);
        if (signal > SignalActions.Last || process != Threads.ProcessId || target == null)
        {
            return signal > SignalActions.Last ? Errno.Invalid : Errno.NoProcess;
        }

        if (signal == 0 || SignalActions.IsIgnored((uint)signal))
        {
            return 0;
        }

        target->Pending |= SignalActions.Bit((uint)signal);
        if (target != sender)
        {
            Reach(target);
        }

        return 0;
    }

    /// <summary>A thread caused a signal by what it did: its registers are those of the instruction. Where nobody handles it, the component ends.</summary>
    internal static void Raise(LinuxThread* thread, uint signal, int code, ulong address, ulong trap, ulong error)
    {
        SignalAction* action = SignalActions.Get(signal);
        if (action->Handler <= SignalAction.Ignore || (thread->Blocked & SignalActions.Bit(signal)) != 0
            || !SignalFrames.TryPush(thread, signal, new SignalInfo { Number = (int)signal, Code = code, Address = address }, trap, error))
        {
            Process.EndBySignal(thread, signal, address);
        }
    }

    /// <summary>Lets a thread, whose registers are known and which is about to go on, run the handlers of what is pending.</summary>
    internal static void DeliverPending(LinuxThread* thread)
    {
        for (ulong ready = thread->Pending & ~thread->Blocked; ready != 0; ready = thread->Pending & ~thread->Blocked)
        {
            uint signal = 1;
            while ((ready & SignalActions.Bit(signal)) == 0)
            {
                signal++;
            }

            thread->Pending &= ~SignalActions.Bit(signal);
            if (SignalActions.IsIgnored(signal))
            {
                continue;
            }

            var info = new SignalInfo { Number = (int)signal, Code = FromThread, Address = Threads.ProcessId };
            if (SignalActions.Get(signal)->Handler == SignalAction.Default || !SignalFrames.TryPush(thread, signal, info, 0, 0))
            {
                Process.EndBySignal(thread, signal, 0);
            }
        }
    }

    /// <summary>What was put off is tried again, and a thread that had another priority has its own.</summary>
    internal static void DeliverLate(LinuxThread* thread)
    {
        Threads.SetPriority(thread, isRaised: false, isLowered: false);
        if ((thread->Pending & ~thread->Blocked) != 0 && thread->Reply == 0)
        {
            Reach(thread);
        }
    }

    /// <summary>Interrupts a thread that runs, or waits.</summary>
    private static void Reach(LinuxThread* thread)
    {
        if ((thread->Pending & ~thread->Blocked) == 0)
        {
            return;
        }

        if (thread->Reply != 0)
        {
            if (thread->Wait != WaitKind.None)
            {
                Waits.Interrupt(thread, RestartsAll(thread));
                DeliverPending(thread);
                Waits.Answer(thread);
            }

            return;
        }

        LayerKernel.Read(thread->Slot, &thread->Registers);
        if (KernelRoutine.IsCalling(thread->Registers))
        {
            // A call may do something that must not be done twice. It does not take long; a thread in a guest is reached when the guest comes out, and what stops all threads for a while does not wait for one.
            LookAgain(thread);
            return;
        }

        LayerKernel.Suspend(thread->Slot);
        LayerKernel.Read(thread->Slot, &thread->Registers);
        KernelRoutine.Repair(ref thread->Registers);
        DeliverPending(thread);
        Threads.SetPriority(thread, isRaised: true, isLowered: false);
        LookAgain(thread);
        LayerKernel.Start(thread->Slot, &thread->Registers);
    }

    /// <summary>Looks at a thread again after a while (<see cref="DeliverLate"/>), unless it waits by then.</summary>
    internal static void LookAgain(LinuxThread* thread)
    {
        thread->Deadline = Clock.Now() + TickNanoseconds;
        Deadlines.Add(thread->Deadline);
    }

    private static bool RestartsAll(LinuxThread* thread)
    {
        ulong ready = thread->Pending & ~thread->Blocked;
        for (uint signal = 1; signal <= SignalActions.Last; signal++)
        {
            if ((ready & SignalActions.Bit(signal)) != 0 && (SignalActions.Get(signal)->Flags & SignalAction.Restarts) == 0)
            {
                return false;
            }
        }

        return true;
    }
}
