using System.Runtime;
using System.Runtime.CompilerServices;

namespace Makatea.Sel4;

/// <summary>Instructions that the compiler has no word for.</summary>
internal static class Instructions
{
    [RuntimeImport("*", "AttackReadPort")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern uint ReadPort(uint port);

    [RuntimeImport("*", "AttackWritePort")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern void WritePort(uint port, uint value);

    [RuntimeImport("*", "AttackHalt")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern void Halt();

    [RuntimeImport("*", "AttackReadMsr")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern void ReadMsr();

    [RuntimeImport("*", "AttackWritePageTables")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern void WritePageTables(ulong root);

    [RuntimeImport("*", "AttackInterrupt")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern void Interrupt();

    [RuntimeImport("*", "AttackSystemCall")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern void SystemCall();
}
