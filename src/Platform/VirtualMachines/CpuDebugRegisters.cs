namespace Makatea.Platform;

/// <summary>Debug registers ([SDM] 3B 18.2).</summary>
/// <param name="Dr0">Address of breakpoint 0.</param>
/// <param name="Dr1">Address of breakpoint 1.</param>
/// <param name="Dr2">Address of breakpoint 2.</param>
/// <param name="Dr3">Address of breakpoint 3.</param>
/// <param name="Dr6">Status.</param>
/// <param name="Dr7">Control.</param>
public readonly record struct CpuDebugRegisters(ulong Dr0, ulong Dr1, ulong Dr2, ulong Dr3, ulong Dr6, ulong Dr7);
