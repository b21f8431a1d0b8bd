using System.Runtime.CompilerServices;

namespace Makatea.Sel4;

/// <summary>Memory that others write: each access is one.</summary>
internal static unsafe class Volatile
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static ulong Read(ulong* at) => *at;

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Write(ulong* at, ulong value) => *at = value;
}
