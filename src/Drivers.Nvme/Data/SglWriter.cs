using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>
/// Scatter-gather lists ([NVMe-2.1] 4.3.2): a descriptor of 16 bytes for each piece, one in the command, or several in the command's own list, which is one last segment.
/// </summary>
/// <param name="space">Where addresses are translated.</param>
/// <param name="lists">The lists of all commands.</param>
/// <param name="listsIova">Where they are for the controller.</param>
/// <param name="alignment">What addresses and lengths are multiples of: 1 or 4; 0 where the controller has no lists.</param>
internal sealed class SglWriter(DmaSpace space, SharedMemory lists, ulong listsIova, int alignment)
{
    private const int DescriptorLength = 16;
    private const int MaxDescriptors = DataMapper.ListLength / DescriptorLength;

    /// <summary>Descriptor type 0h, address: a data block.</summary>
    private const ulong DataBlock = 0;

    /// <summary>Descriptor type 3h, address: the last segment.</summary>
    private const ulong LastSegment = 0x30ul << 56;

    private int _hint;

    internal bool IsSupported => alignment != 0;

    /// <summary>Names as much of the scatter list as descriptors can, in whole blocks.</summary>
    /// <returns>How many bytes, up to <paramref name="wanted"/>; 0 where not a block of it can be named.</returns>
    internal int Write(ref SubmissionEntry entry, int slot, ReadOnlySpan<MemorySegment> segments, ScatterCursor cursor, int wanted, int blockSize)
    {
        int covered = Describe(ref entry, slot, segments, cursor, wanted);
        int usable = covered & ~(blockSize - 1);
        if (usable != 0 && usable != covered)
        {
            // The last descriptors reach into a block that is not whole.
            usable = Describe(ref entry, slot, segments, cursor, usable) == usable ? usable : 0;
        }

        entry.Command |= usable == 0 ? 0 : SubmissionEntry.UsesSgl;
        return usable;
    }

    private int Describe(ref SubmissionEntry entry, int slot, ReadOnlySpan<MemorySegment> segments, ScatterCursor cursor, int wanted)
    {
        nuint list = (nuint)(uint)slot * DataMapper.ListLength;
        int covered = 0;
        int count = 0;
        while (covered < wanted && count < MaxDescriptors && cursor.TryTake(segments, wanted - covered, out MemorySegment piece))
        {
            if (!space.TryTranslate(piece.Address, piece.Length, ref _hint, out ulong iova)
                || ((iova | (uint)piece.Length) & ((uint)alignment - 1)) != 0)
            {
                break;
            }

            entry.Data1 = iova;
            entry.Data2 = DataBlock | (uint)piece.Length;
            lists.ReleaseUInt64(list + (nuint)(uint)(count * DescriptorLength), entry.Data1);
            lists.ReleaseUInt64(list + (nuint)(uint)(count * DescriptorLength) + sizeof(ulong), entry.Data2);
            covered += piece.Length;
            count++;
        }

        if (count > 1)
        {
            entry.Data1 = listsIova + list;
            entry.Data2 = LastSegment | (uint)(count * DescriptorLength);
        }

        return covered;
    }
}
