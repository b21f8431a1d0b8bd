using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Makatea.Platform;

/// <summary>One region of <see cref="GuestMemory"/> in the form that translating needs: two compares and an addition.</summary>
public readonly struct GuestMemoryWindow
{
    internal GuestMemoryWindow(ulong guestAddress, ulong length, nint hostAddress, MemoryAccess access)
    {
        GuestAddress = guestAddress;
        Length = length;
        HostAddress = hostAddress;
        Access = access;
    }

    /// <summary>Guest address of the first byte.</summary>
    public ulong GuestAddress { get; }

    /// <summary>Length in bytes; 0 in the default window, which holds nothing.</summary>
    public ulong Length { get; }

    /// <summary>What the region grants.</summary>
    public MemoryAccess Access { get; }

    internal nint HostAddress { get; }

    /// <summary>Whether the byte at <paramref name="guestAddress"/> is in the region.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(ulong guestAddress) => guestAddress - GuestAddress < Length;

    /// <summary>Number of bytes from <paramref name="guestAddress"/> to the region's end; only for an address inside.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong BytesFrom(ulong guestAddress) => Length - (guestAddress - GuestAddress);

    /// <summary>Translates <paramref name="length"/> bytes (at most 2^31 - 1); rights are the caller's to check.</summary>
    /// <returns>False where not all of them are in the region.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTranslate(ulong guestAddress, uint length, out MemorySegment segment)
    {
        ulong offset = guestAddress - GuestAddress;
        if (offset < Length && length <= Length - offset && length <= int.MaxValue)
        {
            segment = MemorySegment.UnsafeCreate(HostAddress + (nint)offset, (int)length);
            return true;
        }

        segment = default;
        return false;
    }

    /// <summary>Translates one buffer; rights are the caller's to check.</summary>
    /// <param name="guestAddress">Its address.</param>
    /// <param name="lengthAndTag">Its length in bits 0 to 31, from 1 to 2^31 - 1, and a tag above.</param>
    /// <param name="buffer">The buffer.</param>
    /// <returns>False where it is not as long as that, or not wholly in the region.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTranslateTagged(ulong guestAddress, ulong lengthAndTag, out TaggedSegment buffer)
    {
        ulong offset = guestAddress - GuestAddress;
        uint length = (uint)lengthAndTag;
        if (offset < Length && length <= Length - offset && length - 1 < int.MaxValue)
        {
            buffer = new(HostAddress + (nint)offset, length, (uint)(lengthAndTag >> 32));
            return true;
        }

        buffer = default;
        return false;
    }

    /// <summary>Translates four buffers at once, where the processor has vectors of 512 bits; rights are the caller's to check.</summary>
    /// <param name="guestAddresses">Their addresses, in elements 0, 2, 4 and 6.</param>
    /// <param name="lengthsAndTags">Their lengths and tags as above, in elements 1, 3, 5 and 7.</param>
    /// <param name="buffers">Four buffers.</param>
    /// <returns>False where one of them cannot be translated; then none is.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTranslateTagged(Vector512<ulong> guestAddresses, Vector512<ulong> lengthsAndTags, Span<TaggedSegment> buffers)
    {
        const ulong Even = 0b01010101;
        Vector512<ulong> offsets = guestAddresses - Vector512.Create(GuestAddress);
        Vector512<ulong> lengths = Vector512.Shuffle(lengthsAndTags, Vector512.Create(1UL, 1, 3, 3, 5, 5, 7, 7)) & Vector512.Create((ulong)uint.MaxValue);
        Vector512<ulong> whole = Vector512.Create(Length);
        Vector512<ulong> good = Vector512.LessThan(offsets, whole)
            & Vector512.LessThanOrEqual(lengths, whole - offsets)
            & Vector512.LessThan(lengths - Vector512<ulong>.One, Vector512.Create((ulong)int.MaxValue));
        if ((good.ExtractMostSignificantBits() & Even) != Even)
        {
            return false;
        }

        Vector512<ulong> addresses = offsets + Vector512.Create((ulong)HostAddress);
        Vector512<ulong> isAddress = Vector512.Create(ulong.MaxValue, 0, ulong.MaxValue, 0, ulong.MaxValue, 0, ulong.MaxValue, 0);
        Vector512.ConditionalSelect(isAddress, addresses, lengthsAndTags).CopyTo(MemoryMarshal.Cast<TaggedSegment, ulong>(buffers));
        return true;
    }
}
