using System.Numerics;

namespace Makatea.Drivers.Iommu.Units;

/// <summary>
/// Invalidation of a range by pieces that are powers of two and aligned, as page-selective invalidation wants them ([VT-d-4.1] 6.5.2.3), and that cover nothing else.
/// </summary>
internal static class InvalidationRange
{
    /// <summary>Above so many pieces, forgetting all of the domain is cheaper.</summary>
    internal const int MaxPieces = 16;

    private const int PageShift = 12;

    /// <summary>Covers a range.</summary>
    /// <param name="pieces">Room for <see cref="MaxPieces"/>.</param>
    /// <param name="domain">The domain.</param>
    /// <param name="first">First address, of a page.</param>
    /// <param name="last">Last address, of a page.</param>
    /// <param name="maxMask">Largest piece, as a power of two of pages.</param>
    /// <param name="drain">What to wait for.</param>
    /// <returns>How many pieces there are; 0 where there would be more than the room.</returns>
    internal static int Cover(Span<InvalidationDescriptor> pieces, ushort domain, ulong first, ulong last, int maxMask, IotlbDrain drain)
    {
        int count = 0;
        ulong page = first >> PageShift;
        ulong end = (last >> PageShift) + 1;
        while (page < end)
        {
            if (count == MaxPieces)
            {
                return 0;
            }

            int mask = Math.Min(Math.Min(BitOperations.TrailingZeroCount(page), BitOperations.Log2(end - page)), maxMask);
            pieces[count++] = InvalidationDescriptor.Pages(domain, page << PageShift, mask, drain);
            page += 1ul << mask;
        }

        return count;
    }
}
