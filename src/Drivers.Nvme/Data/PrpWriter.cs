using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>
/// Physical region pages ([NVMe-2.1] 4.3.1): the first entry may start inside a page, every other is a whole page, and only the last may end before its page does. Two
/// fit into the command; more lie in the command's own list, which never needs a second page.
/// </summary>
internal sealed class PrpWriter(DmaSpace space, SharedMemory lists, ulong listsIova)
{
    private const ulong PageSize = 4096;
    private const int MaxEntries = DataMapper.ListLength / sizeof(ulong);
    private int _hint;

    /// <summary>Names bytes at consecutive addresses, at most <see cref="DataMapper.MaxTransfer"/>, that start at a multiple of 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void WriteContiguous(ref SubmissionEntry entry, int slot, ulong iova, int length)
    {
        ulong second = (iova & ~(PageSize - 1)) + PageSize;
        ulong end = iova + (uint)length;
        entry.Data1 = iova;
        entry.Data2 = end <= second ? 0 : end <= second + PageSize ? second : WriteList(slot, second, end);
    }

    /// <summary>Names as much of the scatter list as pages can, in whole blocks.</summary>
    /// <returns>How many bytes, up to <paramref name="wanted"/>; 0 where not a block of it can be named.</returns>
    internal int Write(ref SubmissionEntry entry, int slot, ReadOnlySpan<MemorySegment> segments, ScatterCursor cursor, int wanted, int blockSize)
    {
        ulong first = 0;
        ulong second = 0;
        ulong end = 0;
        int entries = 0;
        int covered = 0;
        while (covered < wanted && cursor.TryTake(segments, wanted - covered, out MemorySegment piece))
        {
            if (!space.TryTranslate(piece.Address, piece.Length, ref _hint, out ulong iova))
            {
                break;
            }

            ulong page = (iova + (PageSize - 1)) & ~(PageSize - 1);
            if (covered == 0)
            {
                first = iova;
                page = (iova & ~(PageSize - 1)) + PageSize;
                if ((iova & 3) != 0)
                {
                    break;
                }
            }
            else if (iova != end && ((iova | end) & (PageSize - 1)) != 0)
            {
                break;
            }

            end = iova + (uint)piece.Length;
            for (; page < end && entries < MaxEntries; page += PageSize)
            {
                second = entries == 0 ? page : second;
                lists.ReleaseUInt64(ListOffset(slot, entries++), page);
            }

            if (page < end)
            {
                // The list is full: what ends before the page counts.
                covered += (int)(page - iova);
                break;
            }

            covered += piece.Length;
        }

        int usable = covered & ~(blockSize - 1);
        int inFirst = (int)(PageSize - (first & (PageSize - 1)));
        entry.Data1 = first;
        entry.Data2 = usable <= inFirst ? 0 : usable <= inFirst + (int)PageSize ? second : listsIova + ListOffset(slot, 0);
        return usable;
    }

    private static nuint ListOffset(int slot, int entry) => ((nuint)(uint)slot * DataMapper.ListLength) + ((nuint)(uint)entry * sizeof(ulong));

    private ulong WriteList(int slot, ulong page, ulong end)
    {
        for (int i = 0; page < end; page += PageSize)
        {
            lists.ReleaseUInt64(ListOffset(slot, i++), page);
        }

        return listsIova + ListOffset(slot, 0);
    }
}
