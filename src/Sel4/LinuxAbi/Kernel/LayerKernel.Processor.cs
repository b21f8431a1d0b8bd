using System.Runtime;
using System.Runtime.CompilerServices;

namespace Makatea.Sel4.LinuxAbi;

/// <content>What is done in assembly.</content>
internal static unsafe partial class LayerKernel
{
    /// <summary>The processor's time-stamp counter.</summary>
    internal static ulong Ticks() => TickCounter.Read();

    /// <summary>A random number of the processor; 0 where it has none.</summary>
    [RuntimeImport("*", "LayerRandom")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern ulong Random();

    /// <summary>Clears whole pages.</summary>
    [RuntimeImport("*", "LayerClear")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern void Clear(ulong address, ulong length);

    /// <summary>Copies.</summary>
    [RuntimeImport("*", "LayerCopy")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern void Copy(byte* target, byte* source, ulong length);
}
