using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>The ways out of the component.</summary>
internal readonly unsafe struct KernelEntries
{
    /// <summary>What all of them are given first.</summary>
    internal nint Context { get; init; }

    /// <summary>A system call of the kernel that returns at once.</summary>
    internal delegate*<nint, KernelRegisters*, void> Quick { get; init; }

    /// <summary>A system call of the kernel that may wait.</summary>
    internal delegate*<nint, KernelRegisters*, void> Blocking { get; init; }

    /// <summary>A call of the layer: its number and arguments.</summary>
    internal delegate*<nint, long, ulong, ulong, ulong, ulong, ulong, long> Layer { get; init; }
}
