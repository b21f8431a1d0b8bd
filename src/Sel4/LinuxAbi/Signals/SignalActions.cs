using System.Runtime.InteropServices;

namespace Makatea.Sel4.LinuxAbi;

/// <summary>What the program does with each signal.</summary>
internal static unsafe class SignalActions
{
    /// <summary>Signals are numbered from 1.</summary>
    internal const uint Last = 64;

    internal const uint Ill = 4;
    internal const uint Trap = 5;
    internal const uint Bus = 7;
    internal const uint Fpe = 8;
    internal const uint Kill = 9;
    internal const uint Segv = 11;
    internal const uint Stop = 19;
    internal const uint Sys = 31;

    private const ulong MaskLength = 8;

    // CHLD, CONT, URG, WINCH.
    private const ulong IgnoredByDefault = (1ul << 16) | (1ul << 17) | (1ul << 22) | (1ul << 27);

    private static SignalAction* s_actions;

    internal static bool Start()
    {
        s_actions = (SignalAction*)PageStore.Reserve((Last + 1) * (ulong)sizeof(SignalAction));
        return s_actions != null;
    }

    internal static SignalAction* Get(uint signal) => s_actions + signal;

    /// <summary>A signal that does nothing.</summary>
    internal static bool IsIgnored(uint signal) =>
        s_actions[signal].Handler == SignalAction.Ignore || (s_actions[signal].Handler == SignalAction.Default && (IgnoredByDefault & Bit(signal)) != 0);

    internal static ulong Bit(uint signal) => 1ul << (int)(signal - 1);

    /// <summary>Signals that cannot be held back.</summary>
    internal static ulong Unblockable => Bit(Kill) | Bit(Stop);

    /// <summary>rt_sigaction(signal, new action, old action, bytes of a mask).</summary>
    internal static long Set(LinuxThread* thread)
    {
        ref Registers call = ref thread->Registers;
        uint signal = (uint)call.Rdi;
        ulong length = (ulong)sizeof(SignalAction);
        if (signal is 0 or > Last || call.R10 != MaskLength || (call.Rsi != 0 && signal is Kill or Stop))
        {
            return Errno.Invalid;
        }

        if ((call.Rsi != 0 && !UserMemory.CanRead(call.Rsi, length)) || (call.Rdx != 0 && !UserMemory.CanWrite(call.Rdx, length)))
        {
            return Errno.Fault;
        }

        SignalAction action = call.Rsi != 0 ? *(SignalAction*)call.Rsi : s_actions[signal];
        if (call.Rdx != 0)
        {
            *(SignalAction*)call.Rdx = s_actions[signal];
        }

        s_actions[signal] = action;
        return 0;
    }

    /// <summary>rt_sigprocmask(how, mask, old mask, bytes of a mask).</summary>
    internal static long SetMask(LinuxThread* thread)
    {
        const ulong Add = 0;
        const ulong Remove = 1;
        const ulong Set = 2;
        ref Registers call = ref thread->Registers;
        if (call.R10 != MaskLength || (call.Rsi != 0 && call.Rdi > Set))
        {
            return Errno.Invalid;
        }

        if ((call.Rsi != 0 && !UserMemory.CanRead(call.Rsi, MaskLength)) || (call.Rdx != 0 && !UserMemory.CanWrite(call.Rdx, MaskLength)))
        {
            return Errno.Fault;
        }

        ulong old = thread->Blocked;
        if (call.Rsi != 0)
        {
            ulong mask = *(ulong*)call.Rsi;
            thread->Blocked = call.Rdi switch { Add => old | mask, Remove => old & ~mask, _ => mask } & ~Unblockable;
        }

        if (call.Rdx != 0)
        {
            *(ulong*)call.Rdx = old;
        }

        return 0;
    }

    /// <summary>sigaltstack(new stack, old stack): address, flags, length.</summary>
    internal static long SetStack(LinuxThread* thread)
    {
        const ulong Disable = 2;
        const ulong OnStack = 1;
        const ulong StackLength = 24;
        ref Registers call = ref thread->Registers;
        if ((call.Rdi != 0 && !UserMemory.CanRead(call.Rdi, StackLength)) || (call.Rsi != 0 && !UserMemory.CanWrite(call.Rsi, StackLength)))
        {
            return Errno.Fault;
        }

        bool isOn = call.Rsp - thread->OtherStack < thread->OtherStackLength;
        ulong address = 0, flags = 0, length = 0;
        if (call.Rdi != 0)
        {
            if (isOn)
            {
                return Errno.NotPermitted;
            }

            address = ((ulong*)call.Rdi)[0];
            flags = (uint)((ulong*)call.Rdi)[1];
            length = ((ulong*)call.Rdi)[2];
        }

        if (call.Rsi != 0)
        {
            ((ulong*)call.Rsi)[0] = thread->OtherStack;
            ((ulong*)call.Rsi)[1] = thread->OtherStackLength == 0 ? Disable : isOn ? OnStack : 0;
            ((ulong*)call.Rsi)[2] = thread->OtherStackLength;
        }

        if (call.Rdi != 0)
        {
            thread->OtherStack = (flags & Disable) != 0 ? 0 : address;
            thread->OtherStackLength = (flags & Disable) != 0 ? 0 : length;
        }

        return 0;
    }
}

/// <summary>struct sigaction of the kernel's interface.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SignalAction
{
    internal ulong Handler;
    internal ulong Flags;
    internal ulong Restorer;
    internal ulong Mask;

    internal const ulong Default = 0;
    internal const ulong Ignore = 1;
    internal const ulong OnOtherStack = 0x0800_0000;
    internal const ulong Restarts = 0x1000_0000;
    internal const ulong NotBlocked = 0x4000_0000;
    internal const ulong Once = 0x8000_0000;
}
