namespace Makatea.Sel4.LinuxAbi;

/// <summary>Frames of handlers on the program's stacks: put there, and taken when a handler is done.</summary>
internal static unsafe class SignalFrames
{
    private const ulong StateAlignment = 64;
    private const ulong UserSegments = (0x2bul << 48) | 0x33;
    private const ulong DirectionFlag = 1 << 10;
    private const ulong LegacyFeatures = 3;

    private static ulong s_stateLength;
    private static ulong s_features;

    /// <summary>Takes how much floating-point state the kernel keeps.</summary>
    internal static void Start()
    {
        // Of the kernel's own floating-point state; fxsave where that is all.
        const ulong Legacy = 512;
        ulong length = Board.Get(BoardValue.XSaveSize);
        s_features = Board.Get(BoardValue.XSaveFeatures);
        s_stateLength = length < Legacy ? Legacy : (length + StateAlignment - 1) & ~(StateAlignment - 1);
    }

    /// <summary>rt_sigreturn of the trampoline: the thread goes on as the handler left its registers.</summary>
    internal static long Return(LinuxThread* thread)
    {
        ulong frame = thread->Registers.Rbx;
        if (!UserMemory.CanRead(frame, (ulong)sizeof(SignalFrame)))
        {
            Process.EndBySignal(thread, SignalActions.Segv, frame);
        }

        UserContext* context = &((SignalFrame*)frame)->Context;
        context->Machine.Give(ref thread->Registers);
        thread->Blocked = context->Mask & ~SignalActions.Unblockable;
        return SystemCalls.Resumes;
    }

    /// <summary>Puts a frame on the thread's stack and lets its registers lead to the handler.</summary>
    internal static bool TryPush(LinuxThread* thread, uint signal, SignalInfo info, ulong trap, ulong error)
    {
        SignalAction* action = SignalActions.Get(signal);
        ref Registers registers = ref thread->Registers;
        ulong top = registers.Rsp - SignalFrame.RedZone;
        bool isOn = registers.Rsp - thread->OtherStack < thread->OtherStackLength;
        if ((action->Flags & SignalAction.OnOtherStack) != 0 && thread->OtherStackLength != 0 && !isOn)
        {
            top = thread->OtherStack + thread->OtherStackLength;
        }

        ulong state = (top - s_stateLength) & ~(StateAlignment - 1);
        ulong place = (state - (ulong)sizeof(SignalFrame)) & ~(StateAlignment - 1);
        if (!UserMemory.CanWrite(place, state + s_stateLength - place))
        {
            return false;
        }

        LayerKernel.Clear(state, s_stateLength);
        var frame = (SignalFrame*)place;
        *frame = default;
        frame->Info = info;
        frame->Context.Stack = thread->OtherStack;
        frame->Context.StackLength = thread->OtherStackLength;
        frame->Context.Mask = thread->Blocked;
        frame->Context.Machine.Take(registers);
        frame->Context.Machine.Segments = UserSegments;
        frame->Context.Machine.Error = error;
        frame->Context.Machine.Trap = trap;
        frame->Context.Machine.FaultAddress = info.Address;
        frame->Context.Machine.FloatingPoint = state;

        thread->Blocked |= (action->Mask | ((action->Flags & SignalAction.NotBlocked) != 0 ? 0 : SignalActions.Bit(signal))) & ~SignalActions.Unblockable;
        registers.Rax = action->Handler;
        registers.Rbx = place;
        registers.R12 = state;
        registers.Rdi = signal;
        registers.Rsi = (ulong)&frame->Info;
        registers.Rdx = (ulong)&frame->Context;
        registers.Rsp = place;
        registers.R13 = s_features;
        registers.Rip = s_features > LegacyFeatures ? LayerCode.ExtendedSignalEntry : LayerCode.SignalEntry;
        registers.Flags &= ~DirectionFlag;
        if ((action->Flags & SignalAction.Once) != 0)
        {
            action->Handler = SignalAction.Default;
        }

        return true;
    }
}
