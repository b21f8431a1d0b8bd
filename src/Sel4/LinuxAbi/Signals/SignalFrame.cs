using System.Runtime.InteropServices;

namespace Makatea.Sel4.LinuxAbi;

/// <summary>What a signal's handler finds on its stack, in Linux's layout (siginfo_t, ucontext of x86-64): it may change the registers that the thread goes on with.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SignalFrame
{
    internal SignalInfo Info;
    internal UserContext Context;

    /// <summary>The C library's structure goes on here; programs read its first words of floating-point state through <see cref="MachineContext.FloatingPoint"/>.</summary>
    internal RestOfContext Rest;

    /// <summary>Bytes below a stack pointer that belong to the function that is interrupted.</summary>
    internal const ulong RedZone = 128;
}

/// <summary>siginfo_t.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal struct SignalInfo
{
    internal int Number;
    internal int Error;
    internal int Code;
    internal int Padding;

    /// <summary>The address of a fault; or the sender's process and user.</summary>
    internal ulong Address;
}

/// <summary>struct ucontext.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct UserContext
{
    internal ulong Flags;
    internal ulong Link;
    internal ulong Stack;
    internal ulong StackFlags;
    internal ulong StackLength;
    internal MachineContext Machine;
    internal ulong Mask;
}

/// <summary>What the C library has behind the signal mask: the rest of its mask, and room.</summary>
[StructLayout(LayoutKind.Sequential, Size = 664)]
internal struct RestOfContext;

/// <summary>struct sigcontext.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct MachineContext
{
    internal ulong R8;
    internal ulong R9;
    internal ulong R10;
    internal ulong R11;
    internal ulong R12;
    internal ulong R13;
    internal ulong R14;
    internal ulong R15;
    internal ulong Rdi;
    internal ulong Rsi;
    internal ulong Rbp;
    internal ulong Rbx;
    internal ulong Rdx;
    internal ulong Rax;
    internal ulong Rcx;
    internal ulong Rsp;
    internal ulong Rip;
    internal ulong Flags;
    internal ulong Segments;
    internal ulong Error;
    internal ulong Trap;
    internal ulong OldMask;
    internal ulong FaultAddress;

    /// <summary>Where the floating-point state is (fxsave).</summary>
    internal ulong FloatingPoint;
    internal ulong Reserved0;
    internal ulong Reserved1;
    internal ulong Reserved2;
    internal ulong Reserved3;
    internal ulong Reserved4;
    internal ulong Reserved5;
    internal ulong Reserved6;
    internal ulong Reserved7;

    internal void Take(in Registers from)
    {
        R8 = from.R8;
        R9 = from.R9;
        R10 = from.R10;
        R11 = from.R11;
        R12 = from.R12;
        R13 = from.R13;
        R14 = from.R14;
        R15 = from.R15;
        Rdi = from.Rdi;
        Rsi = from.Rsi;
        Rbp = from.Rbp;
        Rbx = from.Rbx;
        Rdx = from.Rdx;
        Rax = from.Rax;
        Rcx = from.Rcx;
        Rsp = from.Rsp;
        Rip = from.Rip;
        Flags = from.Flags;
    }

    internal readonly void Give(ref Registers to)
    {
        to.R8 = R8;
        to.R9 = R9;
        to.R10 = R10;
        to.R11 = R11;
        to.R12 = R12;
        to.R13 = R13;
        to.R14 = R14;
        to.R15 = R15;
        to.Rdi = Rdi;
        to.Rsi = Rsi;
        to.Rbp = Rbp;
        to.Rbx = Rbx;
        to.Rdx = Rdx;
        to.Rax = Rax;
        to.Rcx = Rcx;
        to.Rsp = Rsp;
        to.Rip = Rip;
        to.Flags = Flags;
    }
}
