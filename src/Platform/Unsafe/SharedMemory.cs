using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Makatea.Platform;

/// <summary>
/// Typed access to a bounded piece of memory that a peer writes at the same time: a ring, an in-flight region, a
/// dirty log. Every read touches memory exactly once and every access is checked against the bounds, so nothing that a peer
/// writes can lead outside. This is RAM; device registers are reached through MMIO accessors instead.
/// </summary>
/// <remarks>
/// Values are little-endian, as on the machine. <c>Acquire</c> and <c>Release</c> in a name mean what they mean in C++;
/// on x86-64 they are plain moves which the compiler keeps in order. A caller that needs a store to become
/// visible before a later load writes <see cref="Interlocked.MemoryBarrier"/> itself and says which other fence it pairs with.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public readonly unsafe struct SharedMemory
{
    private readonly byte* _base;
    private readonly nuint _length;

    /// <summary>Views a segment.</summary>
    public SharedMemory(MemorySegment segment)
    {
        _base = (byte*)segment.Address;
        _length = (nuint)segment.Length;
    }

    /// <summary>Length in bytes.</summary>
    public int Length => (int)_length;

    /// <summary>The same bytes as a segment.</summary>
    public MemorySegment Segment => MemorySegment.UnsafeCreate((nint)_base, (int)_length);

    /// <summary>Reads 8 bits once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte ReadByte(nuint offset) => Volatile.Read(ref At<byte>(offset));

    /// <summary>Reads 16 bits once; later reads of the caller stay behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ushort AcquireUInt16(nuint offset) => Volatile.Read(ref At<ushort>(offset));

    /// <summary>Reads 32 bits once; later reads of the caller stay behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint AcquireUInt32(nuint offset) => Volatile.Read(ref At<uint>(offset));

    /// <summary>Reads 64 bits once; later reads of the caller stay behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong AcquireUInt64(nuint offset) => Volatile.Read(ref At<ulong>(offset));

    /// <summary>Reads eight times 64 bits, each once where <paramref name="offset"/> is aligned to them, in no order among themselves; later reads of the caller stay behind all of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<ulong> AcquireVector512(nuint offset)
    {
        ref Vector512<ulong> at = ref At<Vector512<ulong>>(offset);
        Vector512<ulong> value = at;

        // x86 keeps loads in order; this keeps the compiler from taking the next one for this one.
        Volatile.Read(ref System.Runtime.CompilerServices.Unsafe.As<Vector512<ulong>, byte>(ref at));
        return value;
    }

    /// <summary>Writes 8 bits; earlier writes of the caller stay before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ReleaseByte(nuint offset, byte value) => Volatile.Write(ref At<byte>(offset), value);

    /// <summary>Writes 16 bits; earlier writes of the caller stay before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ReleaseUInt16(nuint offset, ushort value) => Volatile.Write(ref At<ushort>(offset), value);

    /// <summary>Writes 32 bits; earlier writes of the caller stay before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ReleaseUInt32(nuint offset, uint value) => Volatile.Write(ref At<uint>(offset), value);

    /// <summary>Writes 64 bits; earlier writes of the caller stay before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ReleaseUInt64(nuint offset, ulong value) => Volatile.Write(ref At<ulong>(offset), value);

    /// <summary>
    /// Writes 64 bits past the caches, which lose their copy of the line ([SDM] volume 1, 10.4.6.2): for a device that reads memory without looking into them. It is
    /// in memory after <see cref="StreamFence"/>, not before.
    /// </summary>
    public void StreamUInt64(nuint offset, ulong value)
    {
        ref ulong target = ref At<ulong>(offset);
        if (Sse2.X64.IsSupported)
        {
            Sse2.X64.StoreNonTemporal((ulong*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref target), value);
        }
        else
        {
            Volatile.Write(ref target, value);
        }
    }

    /// <summary>Waits until what <see cref="StreamUInt64"/> wrote is in memory.</summary>
    public static void StreamFence()
    {
        if (Sse.IsSupported)
        {
            Sse.StoreFence();
        }
    }

    /// <summary>Sets bits of a byte atomically, as another writer may set others (dirty logs).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void OrByte(nuint offset, byte bits)
    {
        // The CPU has no 8-bit form in .NET: or into the aligned 32-bit word around the byte, checked as a word.
        nuint word = offset & ~(nuint)3;
        Interlocked.Or(ref At<uint>(word), (uint)bits << (int)((offset & 3) * 8));
    }

    /// <summary>Asks the processor to fetch the line at <paramref name="offset"/>; touches nothing, so any offset is allowed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nuint offset)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(_base + offset);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref T At<T>(nuint offset)
        where T : unmanaged
    {
        // Written so that neither side can wrap.
        if (offset >= _length || _length - offset < (nuint)sizeof(T))
        {
            ThrowOutside(offset, sizeof(T), _length);
        }

        return ref System.Runtime.CompilerServices.Unsafe.AsRef<T>(_base + offset);
    }

    // By value: who has the address of a view keeps it out of registers.
    [DoesNotReturn]
    private static void ThrowOutside(nuint offset, int size, nuint length) =>
        throw new ArgumentOutOfRangeException(nameof(offset), $"{size} bytes at offset {offset} of shared memory of {length}");
}
