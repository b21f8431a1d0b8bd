using System.Runtime;
using System.Runtime.CompilerServices;

namespace Makatea.Sel4.LinuxAbi;

/// <summary>Addresses of routines in assembly.</summary>
internal static class LayerCode
{
    /// <summary>Where a thread starts that is to run a signal's handler.</summary>
    internal static ulong SignalEntry => AddressOfSignalEntry();

    /// <summary>The same, where the kernel keeps more floating-point state than fxsave does: r13 says which.</summary>
    internal static ulong ExtendedSignalEntry => AddressOfExtendedSignalEntry();

    /// <summary>Where the thread starts that tells the time.</summary>
    internal static ulong Ticker => AddressOfTicker();

    /// <summary>The vDSO.</summary>
    internal static ulong Vdso => AddressOfVdso();

    /// <summary>The routine that makes a call of the kernel, the first of its instructions before which the stack pointer is lost, and the one after which it is there again.</summary>
    internal static ulong KernelRoutine => AddressOfKernelRoutine();

    internal static ulong KernelEntry => AddressOfKernelEntry();

    internal static ulong KernelExit => AddressOfKernelExit();

    [RuntimeImport("*", "AddressOfSignalEntry")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern ulong AddressOfSignalEntry();

    [RuntimeImport("*", "AddressOfExtendedSignalEntry")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern ulong AddressOfExtendedSignalEntry();

    [RuntimeImport("*", "AddressOfTicker")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern ulong AddressOfTicker();

    [RuntimeImport("*", "AddressOfVdso")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern ulong AddressOfVdso();

    [RuntimeImport("*", "AddressOfKernelRoutine")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern ulong AddressOfKernelRoutine();

    [RuntimeImport("*", "AddressOfKernelEntry")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern ulong AddressOfKernelEntry();

    [RuntimeImport("*", "AddressOfKernelExit")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern ulong AddressOfKernelExit();
}
