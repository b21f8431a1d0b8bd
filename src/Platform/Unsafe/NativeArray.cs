using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform;

/// <summary>
/// An array outside the collected heap: zeroed at start, aligned to a page, never moved, freed by <see cref="Dispose"/>
/// or by the finalizer. The data path's tables live here, so that the host and devices may hold addresses into them.
/// </summary>
/// <typeparam name="T">An element without references.</typeparam>
public sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    private const nuint Alignment = 4096;
    private T* _items;

    /// <summary>Allocates <paramref name="length"/> zeroed elements.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for it.</exception>
    public NativeArray(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        nuint bytes = checked((nuint)length * (nuint)sizeof(T));
        _items = (T*)NativeMemory.AlignedAlloc(Math.Max(bytes, 1), Alignment);
        NativeMemory.Clear(_items, bytes);
        Length = length;
    }

    /// <summary>Frees the memory if nobody called <see cref="Dispose"/>.</summary>
    ~NativeArray() => Free();

    /// <summary>Number of elements.</summary>
    public int Length { get; private set; }

    /// <summary>One element.</summary>
    /// <exception cref="IndexOutOfRangeException"><paramref name="index"/> is outside the array, or the array was disposed.</exception>
    public ref T this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if ((uint)index >= (uint)Length)
            {
                ThrowOutside(index);
            }

            return ref _items[index];
        }
    }

    /// <summary>All elements. The span must not outlive the array.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<T> AsSpan() => new(_items, Length);

    /// <summary>Elements <paramref name="start"/> and on. The span must not outlive the array.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<T> AsSpan(int start, int length) => AsSpan().Slice(start, length);

    /// <summary>The bytes of the whole array as a segment. It must not outlive the array.</summary>
    public MemorySegment AsSegment() => MemorySegment.UnsafeCreate((nint)_items, checked(Length * sizeof(T)));

    /// <summary>The bytes of elements <paramref name="start"/> and on as a segment. It must not outlive the array.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They are not inside the array.</exception>
    public MemorySegment AsSegment(int start, int length)
    {
        if ((ulong)(uint)start + (uint)length > (uint)Length)
        {
            throw new ArgumentOutOfRangeException(nameof(start), $"elements {start} to {start + (long)length} of an array of {Length}");
        }

        return MemorySegment.UnsafeCreate((nint)(_items + start), checked(length * sizeof(T)));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        Length = 0;
        T* items = _items;
        _items = null;
        NativeMemory.AlignedFree(items);
    }

    [DoesNotReturn]
    private void ThrowOutside(int index) => throw new IndexOutOfRangeException($"index {index} of a native array of {Length}");
}
