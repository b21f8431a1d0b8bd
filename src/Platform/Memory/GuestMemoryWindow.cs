using System.Runtime.CompilerServices;

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
}
