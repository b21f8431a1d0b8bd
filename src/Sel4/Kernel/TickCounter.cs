using System.Runtime;
using System.Runtime.CompilerServices;

namespace Makatea.Sel4;

/// <summary>The processor's time-stamp counter.</summary>
internal static class TickCounter
{
    [RuntimeImport("*", "ReadTicks")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern ulong Read();
}
