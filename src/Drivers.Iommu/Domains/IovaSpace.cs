using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Domains;

/// <summary>
/// Which device addresses of a domain are taken. Some are given out only to who asks for exactly them: page 0, so that a null pointer faults; firmware's reserved
/// regions; and the registers of PCI functions, as a bridge may send such a request to the other function instead of to memory.
/// </summary>
internal sealed class IovaSpace
{
    private const ulong PageSize = 4096;
    private readonly (ulong First, ulong Last)[] _automatic;
    private readonly IovaAllocator _allocator;

    /// <summary>Starts with all free.</summary>
    /// <param name="addressBits">Highest address plus one is two to this many bits.</param>
    /// <param name="avoided">What is not given out by itself.</param>
    internal IovaSpace(int addressBits, IEnumerable<(ulong First, ulong Last)> avoided)
    {
        ulong last = (1ul << addressBits) - 1;
        List<(ulong, ulong)> ranges = [];
        ulong next = PageSize;
        foreach ((ulong avoidedFirst, ulong avoidedLast) in avoided.OrderBy(r => r.First))
        {
            if (avoidedFirst > next && next <= last)
            {
                ranges.Add((next, Math.Min(avoidedFirst - 1, last)));
            }

            next = avoidedLast < last ? Math.Max(next, avoidedLast + 1) : last + 1;
        }

        if (next <= last)
        {
            ranges.Add((next, last));
        }

        _automatic = [.. ranges];
        _allocator = new IovaAllocator(_automatic);
    }

    /// <summary>Takes addresses for memory, such that large pages fit.</summary>
    /// <param name="physical">Physical address of the memory's first byte.</param>
    /// <param name="length">Whole pages.</param>
    /// <param name="largestPage">Largest page that is worth while.</param>
    /// <param name="iova">The first address.</param>
    internal bool TryAllocate(ulong physical, ulong length, ulong largestPage, out ulong iova)
    {
        // The device's address gets the same offset in a large page as the physical one.
        ulong offset = physical & (largestPage - 1);
        if (!_allocator.TryAllocate(offset + length, largestPage, out ulong first))
        {
            return _allocator.TryAllocate(length, PageSize, out iova);
        }

        if (offset > 0)
        {
            _allocator.Free(first, offset);
        }

        iova = first + offset;
        return true;
    }

    /// <summary>Takes exactly these addresses.</summary>
    /// <returns>False where one is taken.</returns>
    internal bool TryReserve(ulong first, ulong last)
    {
        List<(ulong First, ulong Last)> taken = [];
        foreach ((ulong partFirst, ulong partLast) in Parts(first, last))
        {
            if (!_allocator.TryReserve(partFirst, partLast - partFirst + 1))
            {
                taken.ForEach(t => _allocator.Free(t.First, t.Last - t.First + 1));
                return false;
            }

            taken.Add((partFirst, partLast));
        }

        return true;
    }

    /// <summary>Gives addresses back.</summary>
    internal void Free(ulong first, ulong last)
    {
        foreach ((ulong partFirst, ulong partLast) in Parts(first, last))
        {
            _allocator.Free(partFirst, partLast - partFirst + 1);
        }
    }

    private IEnumerable<(ulong First, ulong Last)> Parts(ulong first, ulong last) =>
        from range in _automatic
        where range.First <= last && range.Last >= first
        select (Math.Max(first, range.First), Math.Min(last, range.Last));
}
