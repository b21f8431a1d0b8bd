namespace Makatea.Sel4.LinuxAbi;

/// <summary>What a thread of the program did that the layer answers: system calls, pages that are touched, exceptions of the processor.</summary>
internal static unsafe class Faults
{
    private const int AddressNotMapped = 1;
    private const int AddressNotAllowed = 2;

    /// <summary>Handles a message about a thread.</summary>
    /// <returns>How it is answered.</returns>
    internal static FaultAnswer Handle(LinuxThread* thread, in FaultMessage message)
    {
        switch (message.Label)
        {
            case FaultMessage.UnknownCall:
                Take(&thread->Registers, message.Words);
                return SystemCalls.Handle(thread) ? FaultAnswer.Registers : FaultAnswer.None;
            case var label when label == FaultMessage.Page:
                return Touch(thread, message.Words[1], message.Words[2] != 0, message.Words[3]);
            case FaultMessage.Exception:
                ulong number = message.Words[3];
                ulong code = message.Words[4];
                LayerKernel.Read(thread->Slot, &thread->Registers);
                Signals.Raise(thread, SignalOf(number, out int reason), reason, thread->Registers.Rip, number, code);
                return Restart(thread);
            case FaultMessage.Capability:
                ulong capability = message.Words[1];
                LayerKernel.Read(thread->Slot, &thread->Registers);
                KernelRoutine.Repair(ref thread->Registers);
                Signals.Raise(thread, SignalActions.Sys, 1, capability, 0, 0);
                return Restart(thread);
            default:
                LayerKernel.Read(thread->Slot, &thread->Registers);
                Signals.Raise(thread, SignalActions.Trap, 1, thread->Registers.Rip, 3, 0);
                return Restart(thread);
        }
    }

    private static FaultAnswer Touch(LinuxThread* thread, ulong address, bool executes, ulong code)
    {
        const ulong WriteBit = 2;
        const ulong PageFaultTrap = 14;
        PageOutcome outcome = AddressSpace.Touch(address, (code & WriteBit) != 0 ? PageRights.Write : executes ? PageRights.Execute : PageRights.Read);
        if (outcome == PageOutcome.There)
        {
            return FaultAnswer.Nothing;
        }

        LayerKernel.Read(thread->Slot, &thread->Registers);
        if (outcome == PageOutcome.NoMemory)
        {
            Process.EndForMemory(thread, address);
        }

        Signals.Raise(thread, SignalActions.Segv, AddressSpace.Find(address) == null ? AddressNotMapped : AddressNotAllowed, address, PageFaultTrap, code);
        return Restart(thread);
    }

    /// <summary>The message about an exception has no registers, nor has its answer: all are set, which is an answer, too.</summary>
    private static FaultAnswer Restart(LinuxThread* thread)
    {
        LayerKernel.Start(thread->Slot, &thread->Registers);
        Waits.Forget(thread);
        return FaultAnswer.None;
    }

    private static uint SignalOf(ulong exception, out int reason)
    {
        const int IntegerDivision = 1;
        const int FloatingInvalid = 7;
        reason = exception switch { 0 => IntegerDivision, 16 or 19 => FloatingInvalid, _ => 0x80 };
        return exception switch
        {
            0 or 16 or 19 => SignalActions.Fpe,
            1 or 3 => SignalActions.Trap,
            6 => SignalActions.Ill,
            17 => SignalActions.Bus,
            _ => SignalActions.Segv,
        };
    }

    private static void Take(Registers* target, ulong* words)
    {
        for (int i = 0; i < Registers.Count; i++)
        {
            ((ulong*)target)[i] = words[i];
        }
    }
}

/// <summary>How a fault is answered.</summary>
internal enum FaultAnswer
{
    /// <summary>Not now: the thread waits, was ended, or goes on already.</summary>
    None,

    /// <summary>It goes on as it was.</summary>
    Nothing,

    /// <summary>It goes on with its registers.</summary>
    Registers,
}
