using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform;

/// <summary>A buffer in guest memory, translated, with 32 bits of whoever found it: what a descriptor of a virtqueue names, in the descriptor's own size and order.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TaggedSegment
{
    private readonly nint _address;
    private uint _length;
    private readonly uint _tag;

    internal TaggedSegment(nint address, uint length, uint tag)
    {
        _address = address;
        _length = length;
        _tag = tag;
    }

    /// <summary>Length in bytes; at most <see cref="int.MaxValue"/>.</summary>
    public readonly int Length => (int)_length;

    /// <summary>The other half of what was translated: bits 32 to 63, as they were.</summary>
    public readonly uint Tag => _tag;

    /// <summary>The length in bits 0 to 31 and the tag above it.</summary>
    public readonly ulong LengthAndTag
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _length | ((ulong)_tag << 32);
    }

    /// <summary>Its memory.</summary>
    public readonly MemorySegment Segment
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => MemorySegment.UnsafeCreate(_address, (int)_length);
    }

    /// <summary>Leaves the first bytes alone of it.</summary>
    /// <param name="length">How many; no more than there are.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not as many.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Shorten(int length)
    {
        if ((uint)length > _length)
        {
            ThrowTooLong(length, _length);
        }

        _length = (uint)length;
    }

    [DoesNotReturn]
    private static void ThrowTooLong(int length, uint whole) => throw new ArgumentOutOfRangeException(nameof(length), $"{length} bytes of a buffer of {whole}");
}
