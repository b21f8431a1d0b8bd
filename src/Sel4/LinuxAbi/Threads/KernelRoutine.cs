namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// Threads that are in the routine by which programs call the kernel themselves (Sel4Trap). The kernel loses their stack pointer there, which the routine keeps in rbx. A call that was given up
/// because the thread was stopped is made again, as its instruction is where the thread goes on.
/// </summary>
internal static class KernelRoutine
{
    /// <summary>The thread waits for somebody's answer or is in a guest, or is about to: a guest would be entered anew where it was entered before, and not where it is.</summary>
    internal static bool IsCalling(in Registers registers) => IsInside(registers) && (registers.Rdx == Board.Get(BoardValue.SysCall) || IsEntering(registers.Rdx));

    /// <summary>Sets the stack pointer right.</summary>
    internal static void Repair(ref Registers registers)
    {
        if (IsInside(registers))
        {
            registers.Rsp = registers.Rbx;
        }
    }

    private static bool IsEntering(ulong call) => call != 0 && call == Board.Get(BoardValue.SysVMEnter);

    private static bool IsInside(in Registers registers) => registers.Rip >= LayerCode.KernelEntry && registers.Rip <= LayerCode.KernelExit;
}
