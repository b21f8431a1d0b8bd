namespace Makatea.Sel4.LinuxAbi;

/// <content>Threads.</content>
internal static unsafe partial class LayerKernel
{
    /// <summary>Lets a thread stand still. A call that it waits in is given up; it will be made again.</summary>
    internal static void Suspend(uint thread) => KernelCall.Invoke(thread, BoardValue.TCBSuspend, 0, 0);

    /// <summary>Reads the registers of a thread. Of one that runs, they are those of its last entry to the kernel.</summary>
    internal static void Read(uint thread, Registers* registers)
    {
        KernelRegisters call = Invocation(thread, BoardValue.TCBReadRegisters, 2);
        call.Message1 = Registers.Count;
        KernelCall.Trap(&call);
        registers->Rip = call.Message0;
        registers->Rsp = call.Message1;
        registers->Flags = call.Message2;
        registers->Rax = call.Message3;
        ulong* words = MessageFrom(4);
        registers->Rbx = words[0];
        registers->Rcx = words[1];
        registers->Rdx = words[2];
        registers->Rsi = words[3];
        registers->Rdi = words[4];
        registers->Rbp = words[5];
        Copy8(&registers->R8, words + 6);
    }

    /// <summary>Sets all registers of a thread that stands still, or waits for an answer, and lets it run. An answer is not expected any more.</summary>
    internal static void Start(uint thread, Registers* registers)
    {
        KernelRegisters call = Invocation(thread, BoardValue.TCBWriteRegisters, 2 + Registers.Count);
        call.Message0 = 1;
        call.Message1 = Registers.Count;
        call.Message2 = registers->Rip;
        call.Message3 = registers->Rsp;
        ulong* words = MessageFrom(4);
        words[0] = registers->Flags;
        words[1] = registers->Rax;
        words[2] = registers->Rbx;
        words[3] = registers->Rcx;
        words[4] = registers->Rdx;
        words[5] = registers->Rsi;
        words[6] = registers->Rdi;
        words[7] = registers->Rbp;
        Copy8(words + 8, &registers->R8);
        KernelCall.Trap(&call);
    }

    /// <summary>Sets the address that a thread finds its own storage by (FS).</summary>
    internal static void SetStorage(uint thread, ulong address) => KernelCall.Invoke(thread, BoardValue.TCBSetTLSBase, 0, 1, address);

    internal static void SetPriority(uint thread, ulong priority)
    {
        KernelCall.SetCapability(0, ComponentLayout.FirstThreadSlot);
        KernelCall.Invoke(thread, BoardValue.TCBSetPriority, 1, 1, priority);
    }

    private static KernelRegisters Invocation(uint capability, BoardValue label, uint length) => new()
    {
        Number = (long)Board.Get(BoardValue.SysCall),
        Capability = capability,
        Info = (Board.Get(label) << LabelShift) | length,
    };

    private static void Copy8(ulong* target, ulong* source)
    {
        for (int i = 0; i < 8; i++)
        {
            target[i] = source[i];
        }
    }
}
