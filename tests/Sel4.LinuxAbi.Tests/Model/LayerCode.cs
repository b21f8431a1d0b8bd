namespace Makatea.Sel4.LinuxAbi;

/// <summary>Addresses of routines that are assembly on the kernel; nothing runs them here.</summary>
internal static class LayerCode
{
    internal const ulong SignalEntry = 0x7000_1000;
    internal const ulong ExtendedSignalEntry = 0x7000_1100;
    internal const ulong Ticker = 0x7000_2000;
    internal const ulong Vdso = 0x7000_3000;
    internal const ulong KernelRoutine = 0x7000_4000;
    internal const ulong KernelEntry = KernelRoutine + 0x30;
    internal const ulong KernelExit = KernelEntry + 2;
}
