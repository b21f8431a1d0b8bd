using System.Globalization;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// The partitions of a disk with a GUID partition table ([UEFI-2.10] 5.3). Whoever uses the disk writes the table, so all of it is checked before any of
/// it is believed: signature, revision, sizes, both checksums, ranges and overlaps, on at most 1 MiB of entries.
/// </summary>
public sealed class GptPartitionTable
{
    private const int LargeBlock = 4096;

    private GptPartitionTable(GptPartition[] partitions, Guid diskId, int blockSize, string? primaryFault)
    {
        Partitions = partitions;
        DiskId = diskId;
        BlockSize = blockSize;
        PrimaryFault = primaryFault;
    }

    /// <summary>The partitions by number.</summary>
    public IReadOnlyList<GptPartition> Partitions { get; }

    /// <summary>The disk's GUID.</summary>
    public Guid DiskId { get; }

    /// <summary>Size in bytes of the blocks in which the table counts: the disk's, or 4,096 for an image of a disk with such blocks.</summary>
    public int BlockSize { get; }

    /// <summary>What is wrong with the primary table, so that the backup was used; null where the primary is good.</summary>
    public string? PrimaryFault { get; }

    /// <summary>Reads and checks the table of <paramref name="disk"/>, the backup where the primary is bad.</summary>
    /// <exception cref="GptException">There is no table that can be trusted.</exception>
    /// <exception cref="IOException">The disk cannot be read.</exception>
    public static GptPartitionTable Read(BlockDevice disk, ComponentHost host)
    {
        ArgumentNullException.ThrowIfNull(disk);
        BlockDeviceInfo info = disk.Info;
        if (info.SectorCount < 8 * (ulong)Math.Max(LargeBlock, info.BlockSize) / BlockDevice.SectorSize)
        {
            throw new GptException($"a disk of {info.SectorCount} sectors is too small for a GPT");
        }

        using var queue = new SynchronousQueue(disk, host);
        byte[] first = new byte[info.BlockSize];
        queue.Read(0, first);
        ProtectiveMbr.Check(first);

        int blockSize = info.BlockSize < LargeBlock && IsOfLargeBlocks(queue, info) ? LargeBlock : info.BlockSize;
        return ReadEither(queue, blockSize, info.SectorCount / (ulong)(blockSize / BlockDevice.SectorSize));
    }

    /// <summary>Finds a partition.</summary>
    /// <param name="selector">Its number, its GUID, or its name; <c>name:TEXT</c> where the name looks like one of the others.</param>
    /// <exception cref="GptException">There is none, or there are several.</exception>
    public GptPartition Find(string selector)
    {
        ArgumentNullException.ThrowIfNull(selector);
        const string NamePrefix = "name:";
        GptPartition[] found = selector.StartsWith(NamePrefix, StringComparison.Ordinal)
            ? [.. Partitions.Where(p => p.Name == selector[NamePrefix.Length..])]
            : int.TryParse(selector, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? [.. Partitions.Where(p => p.Number == number)]
            : Guid.TryParseExact(selector, "D", out Guid id) ? [.. Partitions.Where(p => p.Id == id)]
            : [.. Partitions.Where(p => p.Name == selector)];
        return found.Length switch
        {
            1 => found[0],
            0 => throw new GptException($"the disk has no partition '{selector}'; it has {string.Join(", ", Partitions.Take(16).Select(p => $"{p.Number} '{Printable(p.Name)}' {p.Id}"))}"),
            _ => throw new GptException($"partitions {string.Join(", ", found.Take(16).Select(p => p.Number))} are all '{selector}'; name one by its number"),
        };
    }

    // A header at a place that only a disk of large blocks has it, and none where the disk's own blocks would have it.
    private static bool IsOfLargeBlocks(SynchronousQueue queue, BlockDeviceInfo info)
    {
        const ulong LargeBlockSectors = LargeBlock / BlockDevice.SectorSize;
        ulong blockSectors = (ulong)(info.BlockSize / BlockDevice.SectorSize);
        return !HasHeader(blockSectors)
            && (HasHeader(LargeBlockSectors)
                || (!HasHeader(info.SectorCount - blockSectors) && HasHeader(((info.SectorCount / LargeBlockSectors) - 1) * LargeBlockSectors)));

        bool HasHeader(ulong sector)
        {
            byte[] block = new byte[info.BlockSize];
            queue.Read(sector, block);
            return GptHeader.HasSignature(block);
        }
    }

    private static GptPartitionTable ReadEither(SynchronousQueue queue, int blockSize, ulong blockCount)
    {
        try
        {
            return ReadAt(queue, 1, blockSize, blockCount, null);
        }
        catch (IOException primary)
        {
            try
            {
                return ReadAt(queue, blockCount - 1, blockSize, blockCount, primary.Message);
            }
            catch (IOException backup)
            {
                throw new GptException($"the disk has no good GPT: primary in block 1: {primary.Message}; backup in block {blockCount - 1}: {backup.Message}");
            }
        }
    }

    private static GptPartitionTable ReadAt(SynchronousQueue queue, ulong lba, int blockSize, ulong blockCount, string? primaryFault)
    {
        ulong blockSectors = (ulong)(blockSize / BlockDevice.SectorSize);
        byte[] block = new byte[blockSize];
        queue.Read(lba * blockSectors, block);
        GptHeader header = GptHeader.Parse(block, lba, blockCount);

        byte[] entries = new byte[(header.EntriesLength + blockSize - 1) / blockSize * blockSize];
        queue.Read(header.EntriesLba * blockSectors, entries);
        GptPartition[] partitions = GptEntries.Parse(entries.AsSpan(0, header.EntriesLength), header, blockSize);
        return new GptPartitionTable(partitions, header.DiskId, blockSize, primaryFault);
    }

    private static string Printable(string name) => new(Array.ConvertAll(name.ToCharArray(), c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c));
}
