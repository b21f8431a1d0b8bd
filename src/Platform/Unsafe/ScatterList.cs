using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform;

/// <summary>
/// A list of segments that lives in a <see cref="NativeArray{T}"/>, so that a request can carry it by address: the
/// <c>iov</c> and <c>iovcnt</c> of <c>preadv</c>. Valid until the owner of the array reuses the entries, which it must not do
/// before the request that carries the list completed.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public readonly unsafe struct ScatterList
{
    private readonly MemorySegment* _first;
    private readonly int _count;

    private ScatterList(MemorySegment* first, int count)
    {
        _first = first;
        _count = count;
    }

    /// <summary>Number of segments.</summary>
    public int Count => _count;

    /// <summary>Address of the first segment, for handing to the host.</summary>
    public nint Address => (nint)_first;

    /// <summary>The segments.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ReadOnlySpan<MemorySegment> AsSpan() => new(_first, _count);

    /// <summary>Entries <paramref name="start"/> to <paramref name="start"/> + <paramref name="count"/> of <paramref name="array"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The entries are not inside the array.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScatterList Of(NativeArray<MemorySegment> array, int start, int count)
    {
        if ((ulong)(uint)start + (uint)count > (uint)array.Length)
        {
            ThrowOutside(start, count, array.Length);
        }

        return count == 0 ? default : new((MemorySegment*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref array[start]), count);
    }

    /// <summary>Sum of the lengths of all segments in bytes.</summary>
    public long TotalLength()
    {
        long total = 0;
        foreach (ref readonly MemorySegment segment in AsSpan())
        {
            total += segment.Length;
        }

        return total;
    }

    [DoesNotReturn]
    private static void ThrowOutside(int start, int count, int length) =>
        throw new ArgumentOutOfRangeException(nameof(start), $"entries {start} to {start + (long)count} of an array of {length}");
}
