namespace Makatea.Sel4;

/// <summary>Invocations on threads and their time.</summary>
internal static class ThreadCalls
{
    private const int GeneralRegisters = 18;

    /// <summary>Gives a thread its capabilities, its address space and, where <paramref name="buffer"/> is not 0, its IPC buffer.</summary>
    internal static KernelResult Configure(uint thread, uint table, ulong tableData, uint addressSpace, ulong buffer, uint bufferFrame)
    {
        KernelCall.SetCapability(0, table);
        KernelCall.SetCapability(1, addressSpace);
        KernelCall.SetCapability(2, bufferFrame);
        return KernelCall.Invoke(thread, BoardValue.TCBConfigure, 3, 3, tableData, 0, buffer);
    }

    /// <summary>Gives a thread its priority, its time and who hears of its faults.</summary>
    internal static KernelResult Schedule(uint thread, int maxPriority, int priority, uint scheduleContext, uint faults)
    {
        KernelCall.SetCapability(0, CapabilitySpace.Tcb);
        KernelCall.SetCapability(1, scheduleContext);
        KernelCall.SetCapability(2, faults);
        return KernelCall.Invoke(thread, BoardValue.TCBSetSchedParams, 3, 2, (ulong)maxPriority, (ulong)priority);
    }

    /// <summary>Says how much time a scheduling context has.</summary>
    /// <param name="control">The processor's schedule control.</param>
    /// <param name="context">The context.</param>
    /// <param name="budget">Microseconds in each period.</param>
    /// <param name="period">Microseconds.</param>
    internal static KernelResult SetBudget(ulong control, uint context, ulong budget, ulong period)
    {
        KernelCall.SetCapability(0, context);
        KernelCall.SetWord(4, 0);
        return KernelCall.Invoke(control, BoardValue.SchedControlConfigureFlags, 1, 5, budget, period, 0, 0);
    }

    /// <summary>Takes a thread's time, wherever it is.</summary>
    internal static KernelResult TakeTime(uint context) => KernelCall.Invoke(context, BoardValue.SchedContextUnbind, 0, 0);

    /// <summary>Gives a thread time again.</summary>
    internal static KernelResult GiveTime(uint context, uint thread)
    {
        KernelCall.SetCapability(0, thread);
        return KernelCall.Invoke(context, BoardValue.SchedContextBind, 1, 0);
    }

    /// <summary>Lets signals of a notification arrive where the thread waits for messages.</summary>
    internal static KernelResult BindNotification(uint thread, uint notification)
    {
        KernelCall.SetCapability(0, notification);
        return KernelCall.Invoke(thread, BoardValue.TCBBindNotification, 1, 0);
    }

    /// <summary>Starts a thread.</summary>
    /// <param name="thread">The thread.</param>
    /// <param name="instruction">Where it starts.</param>
    /// <param name="stack">Its stack pointer.</param>
    /// <param name="argument">What it finds in rdi.</param>
    internal static KernelResult Start(uint thread, ulong instruction, ulong stack, ulong argument)
    {
        // rip and rsp in the message's words 2 and 3, then rflags, rax, rbx, rcx, rdx, rsi, rdi and the others.
        const int FirstInBuffer = 4;
        const int ArgumentRegister = 6;
        for (int i = 0; i < GeneralRegisters - 2; i++)
        {
            KernelCall.SetWord(FirstInBuffer + i, i == ArgumentRegister ? argument : 0);
        }

        return KernelCall.Invoke(thread, BoardValue.TCBWriteRegisters, 0, 2 + GeneralRegisters, 1, GeneralRegisters, instruction, stack);
    }
}
