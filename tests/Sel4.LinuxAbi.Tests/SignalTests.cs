using System.Runtime.InteropServices;

namespace Makatea.Sel4.LinuxAbi.Tests;

[Collection(LayerCollection.Name)]
public sealed unsafe class SignalTests : IDisposable
{
    private const ulong Action = 13;
    private const ulong Mask = 14;
    private const ulong Return = 15;
    private const ulong OtherStack = 131;
    private const ulong Kill = 62;
    private const ulong ThreadKill = 234;
    private const ulong Futex = 202;
    private const ulong Handler = 0x40_0000;
    private const uint User = 34;

    private readonly Component _component = new(21);
    private readonly ulong _stack;

    public SignalTests() => _stack = _component.Allocate(1 << 16) + (1 << 16);

    public void Dispose() => _component.Dispose();

    [Fact]
    public void Structures_are_laid_out_as_Linux_has_them()
    {
        Assert.Equal(128, sizeof(SignalInfo));
        Assert.Equal(256, sizeof(MachineContext));
        Assert.Equal(304, sizeof(UserContext));
        Assert.Equal(40, (int)Marshal.OffsetOf<UserContext>(nameof(UserContext.Machine)));
        Assert.Equal(296, (int)Marshal.OffsetOf<UserContext>(nameof(UserContext.Mask)));
        Assert.Equal(120, (int)Marshal.OffsetOf<MachineContext>(nameof(MachineContext.Rsp)));
        Assert.Equal(128, (int)Marshal.OffsetOf<MachineContext>(nameof(MachineContext.Rip)));
        Assert.Equal(176, (int)Marshal.OffsetOf<MachineContext>(nameof(MachineContext.FaultAddress)));
        Assert.Equal(184, (int)Marshal.OffsetOf<MachineContext>(nameof(MachineContext.FloatingPoint)));
        Assert.Equal(16, (int)Marshal.OffsetOf<SignalInfo>(nameof(SignalInfo.Address)));
        Assert.Equal(32, sizeof(SignalAction));
        Assert.Equal(18 * 8, sizeof(Registers));
    }

    [Fact]
    public void A_thread_that_runs_is_interrupted_and_goes_on_with_all_of_its_registers()
    {
        LinuxThread* thread = Run(out Registers before);
        Install(User, Handler, 0);
        Assert.Equal(0, _component.Call(ThreadKill, 1, thread->Id, User));
        Assert.Contains(thread->Slot, LayerKernel.Suspended);
        Assert.Equal(Component.Priority, LayerKernel.Priorities[thread->Slot]);
        Registers handler = LayerKernel.Started[thread->Slot];
        Assert.Equal((LayerCode.SignalEntry, Handler, (ulong)User), (handler.Rip, handler.Rax, handler.Rdi));

        // Below the red zone; the floating-point state at a multiple of 64, what fxsave needs; the stack at one of 16 for the call.
        Assert.True(handler.R12 + 512 <= before.Rsp - 128 && handler.R12 % 64 == 0 && handler.Rsp % 16 == 0 && handler.Rsp < handler.R12);
        var frame = (SignalFrame*)handler.Rbx;
        Assert.Equal((ulong)&frame->Info, handler.Rsi);
        Assert.Equal((ulong)&frame->Context, handler.Rdx);
        Assert.Equal((int)User, frame->Info.Number);
        Assert.Equal(-6, frame->Info.Code);
        Assert.Equal(before.Rip, frame->Context.Machine.Rip);
        Assert.Equal(handler.R12, frame->Context.Machine.FloatingPoint);
        Assert.Equal(1ul << ((int)User - 1), thread->Blocked);

        // Another of the same waits until the handler is done.
        LayerKernel.Suspended.Clear();
        Assert.Equal(0, _component.Call(ThreadKill, 1, thread->Id, User));
        Assert.Empty(LayerKernel.Suspended);

        frame->Context.Machine.Rbx = 0x1717;
        thread->Registers = handler;
        Assert.Equal((long)LayerCode.SignalEntry, (long)(thread->Registers.Rip));
        Assert.NotNull(_component.Call(thread, Return));
        Assert.Equal(Handler, thread->Registers.Rax); // the second one's handler
        frame = (SignalFrame*)thread->Registers.Rbx;
        Assert.NotNull(_component.Call(thread, Return));
        before.Rbx = 0x1717;
        AssertSame(before, thread->Registers);
        Assert.Equal(0ul, thread->Blocked | thread->Pending);
    }

    [Fact]
    public void A_signal_that_is_held_back_comes_when_it_no_longer_is()
    {
        LinuxThread* thread = Run(out _);
        Install(User, Handler, 0);
        ulong mask = _component.Allocate();
        _component.Write(mask, 1ul << ((int)User - 1));
        Assert.Equal(0, _component.Call(thread, Mask, 0, mask, 0, 8));
        Assert.Equal(0, _component.Call(ThreadKill, 1, thread->Id, User));
        Assert.Empty(LayerKernel.Suspended);
        ulong rip = thread->Registers.Rip;
        thread->Registers.Rsp = _stack;
        Assert.NotNull(_component.Call(thread, Mask, 1, mask, 0, 8));
        Assert.Equal(LayerCode.SignalEntry, thread->Registers.Rip);
        var frame = (SignalFrame*)thread->Registers.Rbx;
        Assert.Equal((0ul, rip + 2), (frame->Context.Machine.Rax, frame->Context.Machine.Rip));
    }

    [Theory]
    [InlineData(0x1000_0000ul, true)]
    [InlineData(0ul, false)]
    public void A_call_that_waits_is_made_again_after_the_handler_where_that_is_wanted(ulong flags, bool restarts)
    {
        LinuxThread* thread = Run(out _);
        Install(User, Handler, flags);
        ulong word = _component.Allocate();
        ulong rip = thread->Registers.Rip;
        Assert.Null(_component.Call(thread, Futex, word, 0x80, 0));
        uint reply = thread->Reply;
        Assert.Equal(0, _component.Call(ThreadKill, 1, thread->Id, User));
        Assert.Equal((LayerCode.SignalEntry, Handler), (LayerKernel.Answers[reply].Rip, LayerKernel.Answers[reply].Rax));
        Assert.Equal((WaitKind.None, 0u), (thread->Wait, thread->Reply));
        MachineContext machine = ((SignalFrame*)LayerKernel.Answers[reply].Rbx)->Context.Machine;
        Assert.Equal(restarts ? (rip, Futex, word) : (rip + 2, unchecked((ulong)Errno.Interrupted), word), (machine.Rip, machine.Rax, machine.Rdi));
        Assert.Equal(0, _component.Call(Futex, word, 0x81, 1));
    }

    [Fact]
    public void A_sleep_ends_with_what_is_left_of_it()
    {
        LinuxThread* thread = Run(out _);
        Install(User, Handler, 0x1000_0000);
        ulong time = _component.Allocate();
        _component.Write(time, 5);
        Assert.Null(_component.Call(thread, 35, time, time + 64));
        uint reply = thread->Reply;
        Component.Pass(2);
        Assert.Equal(0, _component.Call(ThreadKill, 1, thread->Id, User));
        Assert.Equal(unchecked((ulong)Errno.Interrupted), ((SignalFrame*)LayerKernel.Answers[reply].Rbx)->Context.Machine.Rax);
        Assert.Equal(3ul, _component.Read(time + 64));
    }

    [Fact]
    public void A_thread_in_a_call_of_the_kernel_has_its_stack_in_rbx_and_calls_again()
    {
        LinuxThread* thread = Run(out Registers before);
        Install(User, Handler, 0);
        before.Rip = LayerCode.KernelEntry;
        before.Rbx = before.Rsp;
        before.Rsp = 0;
        before.Rdx = unchecked((ulong)-9L); // Wait
        LayerKernel.Running[thread->Slot] = before;
        Assert.Equal(0, _component.Call(ThreadKill, 1, thread->Id, User));
        MachineContext machine = ((SignalFrame*)LayerKernel.Started[thread->Slot].Rbx)->Context.Machine;
        Assert.Equal((LayerCode.KernelEntry, before.Rbx, before.Rbx, before.Rdx), (machine.Rip, machine.Rsp, machine.Rbx, machine.Rdx));
        Assert.True(LayerKernel.Started[thread->Slot].Rsp < before.Rbx - 128);
    }

    [Theory]
    [InlineData(BoardValue.SysCall)]
    [InlineData(BoardValue.SysVMEnter)]
    public void A_thread_that_asks_somebody_or_is_in_a_guest_is_not_interrupted_before_it_is_back(BoardValue call)
    {
        LinuxThread* thread = Run(out Registers before);
        Install(User, Handler, 0);
        Registers asking = before;
        asking.Rip = LayerCode.KernelEntry;
        asking.Rdx = Board.Get(call);
        LayerKernel.Running[thread->Slot] = asking;
        Assert.Equal(0, _component.Call(ThreadKill, 1, thread->Id, User));
        Component.Pass(0.0011);
        Component.Pass(0.0011);
        Assert.Empty(LayerKernel.Suspended);
        LayerKernel.Running[thread->Slot] = before;
        Component.Pass(0.0011);
        Assert.Equal(LayerCode.SignalEntry, LayerKernel.Started[thread->Slot].Rip);
        Component.Pass(0.0011);
        Assert.Equal(Component.Priority - 1, LayerKernel.Priorities[thread->Slot]);
    }

    [Fact]
    public void Handlers_run_on_another_stack_where_they_ask_for_it()
    {
        LinuxThread* thread = Run(out Registers before);
        Install(User, Handler, 0x0800_0000);
        ulong other = _component.Allocate(1 << 14);
        ulong description = _component.Allocate();
        _component.Write(description, other);
        _component.Write(description + 16, 1 << 14);
        Assert.Equal(0, _component.Call(thread, OtherStack, description, 0));
        Assert.Equal(0, _component.Call(ThreadKill, 1, thread->Id, User));
        Registers handler = LayerKernel.Started[thread->Slot];
        Assert.InRange(handler.Rsp, other, other + (1 << 14));
        Assert.Equal(before.Rsp, ((SignalFrame*)handler.Rbx)->Context.Machine.Rsp);

        // Where it is in use it is not changed, and told.
        thread->Registers = handler;
        Assert.Equal(Errno.NotPermitted, _component.Call(thread, OtherStack, description, 0));
        Assert.Equal(0, _component.Call(thread, OtherStack, 0, description));
        Assert.Equal((other, 1ul), (_component.Read(description), _component.Read(description + 8)));
    }

    [Fact]
    public void An_exception_of_the_processor_is_a_signal_with_the_place()
    {
        Install(8, Handler, 0);
        Registers before = _component.First->Registers;
        before.Rip = 0x20_0123;
        LayerKernel.Running[Component.FirstThread] = before;
        ulong* words = stackalloc ulong[] { before.Rip, before.Rsp, 0, 0, 0 };
        Assert.False(_component.Handle(_component.First, FaultMessage.Exception, words));
        Registers handler = LayerKernel.Started[Component.FirstThread];
        var frame = (SignalFrame*)handler.Rbx;
        Assert.Equal((8ul, 1, 0x20_0123ul, 0x20_0123ul), (handler.Rdi, frame->Info.Code, frame->Info.Address, frame->Context.Machine.Rip));
        Assert.Equal(0u, _component.First->Reply);
    }

    [Fact]
    public void A_call_of_the_kernel_with_a_capability_that_there_is_not_is_a_signal()
    {
        Install(31, Handler, 0);
        Registers before = _component.First->Registers;
        before.Rip = LayerCode.KernelEntry;
        before.Rbx = before.Rsp;
        before.Rsp = 0;
        LayerKernel.Running[Component.FirstThread] = before;
        ulong* words = stackalloc ulong[] { before.Rip, 4711 };
        Assert.False(_component.Handle(_component.First, FaultMessage.Capability, words));
        var frame = (SignalFrame*)LayerKernel.Started[Component.FirstThread].Rbx;
        Assert.Equal((31, 4711ul, before.Rbx), (frame->Info.Number, frame->Info.Address, frame->Context.Machine.Rsp));
    }

    [Fact]
    public void Signals_that_nobody_handles_end_the_component_or_nothing_happens()
    {
        Assert.Equal(0, _component.Call(Kill, 1, 17)); // a child's end
        Assert.Equal(0, _component.Call(Kill, 1, 0));
        Assert.Equal(Errno.NoProcess, _component.Call(Kill, 99, 15));
        Assert.Equal(Errno.NoProcess, _component.Call(ThreadKill, 1, 7, 15));
        Assert.Equal(Errno.NoProcess, _component.Call(ThreadKill, 1, ulong.MaxValue, 15));
        Assert.Equal(Errno.Invalid, _component.Call(ThreadKill, 1, 1, 65));
        Install(15, SignalAction.Ignore, 0);
        Assert.Equal(0, _component.Call(Kill, 1, 15));
        ComponentEnded ended = Assert.Throws<ComponentEnded>(() => _component.Call(ThreadKill, 1, 1, 6));
        Assert.Equal((ExitReason.Signal, 6ul), (ended.Reason, ended.Detail));
    }

    [Fact]
    public void Actions_are_told_and_some_cannot_be_changed()
    {
        Install(User, Handler, 4);
        ulong old = _component.Allocate();
        Assert.Equal(0, _component.Call(Action, User, 0, old, 8));
        Assert.Equal((Handler, 4ul), (_component.Read(old), _component.Read(old + 8)));
        Assert.Equal(Errno.Invalid, _component.Call(Action, 9, old, 0, 8));
        Assert.Equal(Errno.Invalid, _component.Call(Action, 0, 0, old, 8));
        Assert.Equal(Errno.Invalid, _component.Call(Action, 65, 0, old, 8));
        Assert.Equal(Errno.Invalid, _component.Call(Action, User, 0, old, 16));
        Assert.Equal(Errno.Fault, _component.Call(Action, User, 0, 0x1000, 8));
    }

    private static void AssertSame(Registers expected, Registers actual) =>
        Assert.Equal(MemoryMarshal.Cast<Registers, ulong>(new ReadOnlySpan<Registers>(ref expected)).ToArray(), MemoryMarshal.Cast<Registers, ulong>(new ReadOnlySpan<Registers>(ref actual)).ToArray());

    private void Install(uint signal, ulong handler, ulong flags)
    {
        ulong action = _component.Allocate();
        _component.Write(action, handler);
        _component.Write(action + 8, flags);
        Assert.Equal(0, _component.Call(Action, signal, action, 0, 8));
    }

    /// <summary>A thread in its own code, each register with another value.</summary>
    private LinuxThread* Run(out Registers registers)
    {
        LinuxThread* thread = _component.Clone();
        registers = default;
        for (int i = 0; i < Registers.Count; i++)
        {
            fixed (Registers* all = &registers)
            {
                ((ulong*)all)[i] = 0x1000 + (ulong)i;
            }
        }

        registers.Rsp = _stack - 8;
        registers.Rip = 0x30_0000;
        LayerKernel.Running[thread->Slot] = registers;
        thread->Registers.Rsp = _stack - 8;
        return thread;
    }
}
