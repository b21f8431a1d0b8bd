using System.Runtime.CompilerServices;

namespace Makatea.Platform;

/// <summary>
/// The one way to device registers that are mapped into memory. <see cref="Volatile.Read(ref readonly int)"/> is no register read: a compiler may narrow it,
/// merge two, or drop one whose value is unused. Each routine here is a single move of its width, never inlined, so that the compiler knows nothing of
/// what its callers do with the value; a test disassembles them.
/// </summary>
/// <remarks>
/// Each is safe if and only if the address is aligned to its width and mapped. On x86-64 a store to uncached memory stays behind the caller's earlier
/// stores to RAM, so a ring is published before its doorbell is written.
/// </remarks>
internal static unsafe class RegisterAccess
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static byte Read8(nint address) => Volatile.Read(ref *(byte*)address);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ushort Read16(nint address) => Volatile.Read(ref *(ushort*)address);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Read32(nint address) => Volatile.Read(ref *(uint*)address);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Read64(nint address) => Volatile.Read(ref *(ulong*)address);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Write8(nint address, byte value) => Volatile.Write(ref *(byte*)address, value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Write16(nint address, ushort value) => Volatile.Write(ref *(ushort*)address, value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Write32(nint address, uint value) => Volatile.Write(ref *(uint*)address, value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Write64(nint address, ulong value) => Volatile.Write(ref *(ulong*)address, value);
}
