using System.Runtime.InteropServices;
using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>The kernel and the layer that this program runs on.</summary>
internal static unsafe partial class SystemKernel
{
    /// <summary>Finds the routine that makes system calls of the kernel.</summary>
    /// <exception cref="PlatformNotSupportedException">This is no component on seL4.</exception>
    internal static KernelEntries Open()
    {
        long routine = Layer(0, (long)LayerRequest.KernelRoutine, 0, 0, 0, 0, 0);
        return routine > 0
            ? new KernelEntries { Context = (nint)routine, Quick = &Quick, Blocking = &Blocking, Layer = &Layer }
            : throw new PlatformNotSupportedException($"nobody answers as the Linux ABI layer does (error {-routine}): this program is for components on seL4");
    }

    /// <summary>Without telling the collector, as the kernel returns at once.</summary>
    private static void Quick(nint routine, KernelRegisters* registers) => ((delegate* unmanaged[SuppressGCTransition]<KernelRegisters*, void>)routine)(registers);

    private static void Blocking(nint routine, KernelRegisters* registers) => ((delegate* unmanaged<KernelRegisters*, void>)routine)(registers);

    private static long Layer(nint routine, long number, ulong argument0, ulong argument1, ulong argument2, ulong argument3, ulong argument4)
    {
        long result = SystemCall(number, argument0, argument1, argument2, argument3, argument4);
        return result == -1 ? -Marshal.GetLastPInvokeError() : result;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SystemCall(long number, ulong argument0, ulong argument1, ulong argument2, ulong argument3, ulong argument4);
}
