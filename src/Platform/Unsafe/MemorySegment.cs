using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Makatea.Platform;

/// <summary>
/// A bounded piece of this component's address space: guest memory after translation, or memory of our own.
/// It has the layout of a POSIX <c>struct iovec</c>, so a scatter list goes to the host without conversion.
/// </summary>
/// <remarks>
/// Whoever holds a segment of shared memory must assume that a peer changes its bytes at any time. A segment is
/// valid for as long as the memory behind it stays mapped; queues are stopped and drained before memory goes.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public readonly struct MemorySegment : IEquatable<MemorySegment>
{
    private readonly nint _address;
    private readonly nuint _length;

    private MemorySegment(nint address, nuint length)
    {
        _address = address;
        _length = length;
    }

    /// <summary>Host virtual address of the first byte, for handing to the host or to a device.</summary>
    public nint Address => _address;

    /// <summary>Length in bytes; at most <see cref="int.MaxValue"/>.</summary>
    public int Length => (int)_length;

    /// <summary>
    /// Names <paramref name="length"/> bytes at <paramref name="address"/>. Safe if and only if they are mapped
    /// readable and writable for as long as the segment is used. For Platform and its hosts alone.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MemorySegment UnsafeCreate(nint address, int length) => new(address, (uint)length);

    /// <summary>The bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe Span<byte> AsSpan() => new((void*)_address, (int)_length);

    /// <summary>The part that starts at <paramref name="start"/> and is <paramref name="length"/> bytes long.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside the segment.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MemorySegment Slice(int start, int length)
    {
        if ((ulong)(uint)start + (uint)length > _length)
        {
            ThrowOutside(start, length, _length);
        }

        return new(_address + start, (uint)length);
    }

    /// <summary>
    /// Reads a little-endian 64-bit value once; a peer's later change is not seen.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not inside the segment.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe ulong ReadUInt64(int offset)
    {
        if ((ulong)(uint)offset + sizeof(ulong) > _length)
        {
            ThrowOutside(offset, sizeof(ulong), _length);
        }

        return Volatile.Read(ref System.Runtime.CompilerServices.Unsafe.AsRef<ulong>((void*)(_address + offset)));
    }

    /// <summary>Reads a little-endian 32-bit value once; a peer's later change is not seen.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not inside the segment.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe uint ReadUInt32(int offset)
    {
        if ((ulong)(uint)offset + sizeof(uint) > _length)
        {
            ThrowOutside(offset, sizeof(uint), _length);
        }

        return Volatile.Read(ref System.Runtime.CompilerServices.Unsafe.AsRef<uint>((void*)(_address + offset)));
    }

    /// <summary>Writes a little-endian 64-bit value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not inside the segment.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void WriteUInt64(int offset, ulong value)
    {
        if ((ulong)(uint)offset + sizeof(ulong) > _length)
        {
            ThrowOutside(offset, sizeof(ulong), _length);
        }

        System.Runtime.CompilerServices.Unsafe.WriteUnaligned((void*)(_address + offset), value);
    }

    /// <summary>Writes a little-endian 32-bit value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not inside the segment.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void WriteUInt32(int offset, uint value)
    {
        if ((ulong)(uint)offset + sizeof(uint) > _length)
        {
            ThrowOutside(offset, sizeof(uint), _length);
        }

        System.Runtime.CompilerServices.Unsafe.WriteUnaligned((void*)(_address + offset), value);
    }

    /// <summary>Copies bytes. As few as those of most frames are copied without a call, from both ends at once: where they overlap they are read and written twice.</summary>
    /// <param name="start">Where they are here.</param>
    /// <param name="target">Where they go, and how many.</param>
    /// <exception cref="ArgumentOutOfRangeException">They are not inside the segment.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void CopyTo(int start, Span<byte> target)
    {
        if ((ulong)(uint)start + (uint)target.Length > _length)
        {
            ThrowOutside(start, target.Length, _length);
        }

        byte* from = (byte*)(_address + start);
        if ((uint)(target.Length - Vector256<byte>.Count) > (uint)Vector256<byte>.Count || !Vector256.IsHardwareAccelerated)
        {
            new ReadOnlySpan<byte>(from, target.Length).CopyTo(target);
            return;
        }

        nuint last = (nuint)(target.Length - Vector256<byte>.Count);
        ref byte to = ref MemoryMarshal.GetReference(target);
        Vector256<byte> end = Vector256.Load(from + last);
        Vector256.Load(from).StoreUnsafe(ref to);
        end.StoreUnsafe(ref to, last);
    }

    /// <summary>Has the processor fetch the first bytes, up to two cache lines, while the caller does something else. Nothing else happens, whatever the segment names.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void Prefetch()
    {
        if (System.Runtime.Intrinsics.X86.Sse.IsSupported)
        {
            System.Runtime.Intrinsics.X86.Sse.Prefetch0((void*)_address);
            System.Runtime.Intrinsics.X86.Sse.Prefetch0((void*)(_address + 64));
        }
    }

    /// <summary>Writes one byte.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The byte is not inside the segment.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void WriteByte(int offset, byte value)
    {
        if ((uint)offset >= _length)
        {
            ThrowOutside(offset, sizeof(byte), _length);
        }

        *(byte*)(_address + offset) = value;
    }

    /// <inheritdoc/>
    public bool Equals(MemorySegment other) => _address == other._address && _length == other._length;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is MemorySegment other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_address, _length);

    /// <inheritdoc/>
    public override string ToString() => $"{_length} bytes at 0x{_address:x}";

    // By value: who has a segment's address keeps it out of registers.
    [DoesNotReturn]
    private static void ThrowOutside(int offset, int length, nuint whole) =>
        throw new ArgumentOutOfRangeException(nameof(offset), $"{length} bytes at offset {offset} of a segment of {whole}");
}
