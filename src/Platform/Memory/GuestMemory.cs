namespace Makatea.Platform;

/// <summary>
/// A guest's memory as one component sees it: an immutable set of regions. Translating is the only way in; it checks bounds and
/// rights and gives a bounded view. A change of the set makes a new <see cref="GuestMemory"/>, which queues take over while stopped.
/// </summary>
public sealed class GuestMemory
{
    /// <summary>Memory of which nothing was granted yet.</summary>
    public static readonly GuestMemory Empty = new([]);

    private readonly GuestMemoryRegion[] _regions;
    private readonly GuestMemoryWindow[] _windows;

    /// <summary>Makes the set.</summary>
    /// <exception cref="ArgumentException">A region is empty, wraps, overlaps another, or does not fit its mapping.</exception>
    public GuestMemory(IEnumerable<GuestMemoryRegion> regions)
    {
        _regions = [.. regions.OrderBy(r => r.GuestAddress)];
        for (int i = 0; i < _regions.Length; i++)
        {
            GuestMemoryRegion region = _regions[i];
            if (region.Length == 0 || region.GuestAddress + (region.Length - 1) < region.GuestAddress)
            {
                throw new ArgumentException($"region of 0x{region.Length:x} bytes at 0x{region.GuestAddress:x} is empty or wraps", nameof(regions));
            }

            if (region.UserAddress + (region.Length - 1) < region.UserAddress)
            {
                throw new ArgumentException($"region of 0x{region.Length:x} bytes at user address 0x{region.UserAddress:x} wraps", nameof(regions));
            }

            if (region.Offset > region.Memory.Length || region.Length > region.Memory.Length - region.Offset)
            {
                throw new ArgumentException(
                    $"region of 0x{region.Length:x} bytes at offset 0x{region.Offset:x} does not fit a mapping of 0x{region.Memory.Length:x}", nameof(regions));
            }

            if (i > 0 && region.GuestAddress - _regions[i - 1].GuestAddress < _regions[i - 1].Length)
            {
                throw new ArgumentException(
                    $"regions at 0x{_regions[i - 1].GuestAddress:x} and 0x{region.GuestAddress:x} overlap", nameof(regions));
            }
        }

        _windows = Array.ConvertAll(_regions, r => new GuestMemoryWindow(r.GuestAddress, r.Length, r.Memory.Address + (nint)r.Offset, r.Access));
    }

    /// <summary>The regions by ascending guest address.</summary>
    public IReadOnlyList<GuestMemoryRegion> Regions => _regions;

    /// <summary>The peer took memory away behind at least one region.</summary>
    public bool IsLost
    {
        get
        {
            foreach (GuestMemoryRegion region in _regions)
            {
                if (region.Memory.IsLost)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>
    /// Finds the region of a guest address. The data path keeps the window and asks again only when it is left.
    /// </summary>
    /// <returns>False where no region holds <paramref name="guestAddress"/>.</returns>
    public bool TryFindWindow(ulong guestAddress, out GuestMemoryWindow window)
    {
        foreach (ref readonly GuestMemoryWindow candidate in _windows.AsSpan())
        {
            if (candidate.Contains(guestAddress))
            {
                window = candidate;
                return true;
            }
        }

        window = default;
        return false;
    }

    /// <summary>Translates <paramref name="length"/> bytes that lie within one region.</summary>
    /// <returns>False where they do not, or the region does not grant <paramref name="access"/>.</returns>
    public bool TryTranslate(ulong guestAddress, int length, MemoryAccess access, out MemorySegment segment)
    {
        if (TryFindWindow(guestAddress, out GuestMemoryWindow window) && (window.Access & access) == access
            && length >= 0 && window.TryTranslate(guestAddress, (uint)length, out segment))
        {
            return true;
        }

        segment = default;
        return false;
    }

    /// <summary>Translates by the front end's own addresses, by which vhost-user names rings.</summary>
    /// <returns>False where the bytes do not lie within one region.</returns>
    public bool TryTranslateUser(ulong userAddress, int length, out MemorySegment segment)
    {
        foreach (GuestMemoryRegion region in _regions)
        {
            ulong offset = userAddress - region.UserAddress;
            if (userAddress >= region.UserAddress && offset < region.Length)
            {
                return TryTranslate(region.GuestAddress + offset, length, MemoryAccess.None, out segment);
            }
        }

        segment = default;
        return false;
    }

    /// <summary>Finds the guest address of memory that was translated here; for dirty logging.</summary>
    public bool TryFindGuestAddress(MemorySegment segment, out ulong guestAddress)
    {
        foreach (ref readonly GuestMemoryWindow window in _windows.AsSpan())
        {
            ulong offset = (ulong)segment.Address - (ulong)window.HostAddress;
            if (offset < window.Length)
            {
                guestAddress = window.GuestAddress + offset;
                return true;
            }
        }

        guestAddress = 0;
        return false;
    }
}
