namespace Makatea.Sel4.LinuxAbi;

/// <content>Messages and signals.</content>
internal static unsafe partial class LayerKernel
{
    private const int LabelShift = 12;
    private const ulong MessageWords = 120;

    /// <summary>Waits for a fault of the program's threads, or an event.</summary>
    /// <param name="reply">The reply object by which it is answered.</param>
    internal static FaultMessage Receive(uint reply)
    {
        KernelRegisters call = default;
        call.Number = (long)Board.Get(BoardValue.SysRecv);
        return Receive(&call, reply);
    }

    /// <summary>Answers a fault and waits for the next.</summary>
    /// <param name="reply">The reply object, of both.</param>
    /// <param name="registers">What the thread goes on with; null where it goes on as it was.</param>
    internal static FaultMessage AnswerAndReceive(uint reply, Registers* registers)
    {
        KernelRegisters call = default;
        call.Number = (long)Board.Get(BoardValue.SysReplyRecv);
        Fill(&call, registers);
        return Receive(&call, reply);
    }

    /// <summary>Answers a system call.</summary>
    internal static void Answer(uint reply, Registers* registers)
    {
        KernelRegisters call = default;
        call.Number = (long)Board.Get(BoardValue.SysSend);
        call.Capability = reply;
        Fill(&call, registers);
        KernelCall.Trap(&call);
    }

    /// <summary>Signals a notification.</summary>
    internal static void Signal(uint notification)
    {
        KernelRegisters call = default;
        call.Number = (long)Board.Get(BoardValue.SysNBSend);
        call.Capability = notification;
        KernelCall.Trap(&call);
    }

    /// <summary>Waits at a notification.</summary>
    internal static void Wait(uint notification)
    {
        KernelRegisters call = default;
        call.Number = (long)Board.Get(BoardValue.SysWait);
        call.Capability = notification;
        KernelCall.Trap(&call);
    }

    /// <summary>Gives the rest of the thread's time in this period away.</summary>
    internal static void Yield() => KernelCall.Yield();

    /// <summary>Sends text to the console, and waits until it is taken.</summary>
    internal static void Write(byte* text, int length)
    {
        const int Most = (int)(MessageWords - 2) * sizeof(ulong);
        for (int at = 0; at < length; at += Most)
        {
            int part = length - at < Most ? length - at : Most;
            ulong words = 1 + (((ulong)part + 7) / sizeof(ulong));
            ulong* message = MessageFrom(0);
            message[0] = (ulong)part;
            byte* target = (byte*)(message + 1);
            for (int i = 0; i < part; i++)
            {
                target[i] = text[at + i];
            }

            KernelRegisters call = default;
            call.Number = (long)Board.Get(BoardValue.SysSend);
            call.Capability = ComponentLayout.ConsoleSlot;
            call.Info = words;
            call.Message0 = message[0];
            call.Message1 = message[1];
            call.Message2 = message[2];
            call.Message3 = message[3];
            KernelCall.Trap(&call);
        }
    }

    /// <summary>Puts a character on the kernel's own console, where it has one.</summary>
    internal static void Put(byte character) => KernelCall.DebugPut((char)character);

    /// <summary>Tells the root task that the component ends. It does not go on.</summary>
    internal static void Exit(ExitReason reason, ulong instruction, ulong detail, ulong thread)
    {
        for (; ; )
        {
            KernelRegisters call = default;
            call.Number = (long)Board.Get(BoardValue.SysCall);
            call.Capability = ComponentLayout.RootSlot;
            call.Info = ((ulong)RootRequest.Exit << LabelShift) | 4;
            call.Message0 = (ulong)reason;
            call.Message1 = instruction;
            call.Message2 = detail;
            call.Message3 = thread;
            KernelCall.Trap(&call);
        }
    }

    private static FaultMessage Receive(KernelRegisters* call, uint reply)
    {
        call->Capability = ComponentLayout.FaultSlot;
        call->Reply = reply;
        KernelCall.Trap(call);
        ulong* words = MessageFrom(0);
        words[0] = call->Message0;
        words[1] = call->Message1;
        words[2] = call->Message2;
        words[3] = call->Message3;
        return new FaultMessage { Badge = call->Capability, Label = call->Info >> LabelShift, Words = words };
    }

    private static void Fill(KernelRegisters* call, Registers* registers)
    {
        if (registers != null)
        {
            call->Info = Registers.Count;
            call->Message0 = registers->Rax;
            call->Message1 = registers->Rbx;
            call->Message2 = registers->Rcx;
            call->Message3 = registers->Rdx;
            ulong* words = MessageFrom(4);
            ulong* from = &registers->Rsi;
            for (int i = 0; i < Registers.Count - 4; i++)
            {
                words[i] = from[i];
            }
        }
    }

    // seL4_IPCBuffer: a tag, then the message.
    private static ulong* MessageFrom(int word) => (ulong*)ComponentLayout.IpcBuffer + 1 + word;
}
