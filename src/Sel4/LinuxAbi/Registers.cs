using System.Runtime.InteropServices;

namespace Makatea.Sel4.LinuxAbi;

/// <summary>Registers of a program's thread, in the order of the kernel's message about a system call that it does not know (seL4_UnknownSyscall_Msg), which is the order of its answer, too.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Registers
{
    internal ulong Rax;
    internal ulong Rbx;
    internal ulong Rcx;
    internal ulong Rdx;
    internal ulong Rsi;
    internal ulong Rdi;
    internal ulong Rbp;
    internal ulong R8;
    internal ulong R9;
    internal ulong R10;
    internal ulong R11;
    internal ulong R12;
    internal ulong R13;
    internal ulong R14;
    internal ulong R15;
    internal ulong Rip;
    internal ulong Rsp;
    internal ulong Flags;

    /// <summary>How many.</summary>
    internal const int Count = 18;
}
