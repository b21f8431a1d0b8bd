using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Makatea.Domains.Storage;

/// <summary>
/// The entries of a GPT ([UEFI-2.10] 5.3.3, table 5.7), little-endian:
/// <code>
///  0 type GUID (0: not used)   16 partition's GUID   32 first LBA   40 last LBA   48 attributes   56 name, 36 UTF-16 units
/// </code>
/// </summary>
internal static class GptEntries
{
    private const int NameLength = 36;

    /// <summary>The partitions by number.</summary>
    /// <exception cref="GptException">An entry is outside the usable blocks, or two overlap.</exception>
    public static GptPartition[] Parse(ReadOnlySpan<byte> entries, in GptHeader header, int blockSize)
    {
        uint crc = Crc32.Of(entries);
        if (crc != header.EntriesCrc)
        {
            throw new GptException($"the CRC-32 of its entries is 0x{header.EntriesCrc:x8}, and they have 0x{crc:x8}");
        }

        var partitions = new List<GptPartition>();
        for (int i = 0; i < header.EntryCount; i++)
        {
            ReadOnlySpan<byte> entry = entries.Slice(i * header.EntrySize, header.EntrySize);
            var type = new Guid(entry[..16]);
            if (type != Guid.Empty)
            {
                partitions.Add(ParseEntry(entry, i + 1, type, header, blockSize));
            }
        }

        CheckOverlaps(partitions);
        return [.. partitions];
    }

    private static GptPartition ParseEntry(ReadOnlySpan<byte> entry, int number, Guid type, in GptHeader header, int blockSize)
    {
        ulong first = BinaryPrimitives.ReadUInt64LittleEndian(entry[32..]);
        ulong last = BinaryPrimitives.ReadUInt64LittleEndian(entry[40..]);
        if (first < header.FirstUsable || last > header.LastUsable || first > last)
        {
            throw new GptException(
                $"partition {number} is blocks {first} to {last}, which must be in order and within the usable blocks {header.FirstUsable} to {header.LastUsable}");
        }

        ReadOnlySpan<char> name = MemoryMarshal.Cast<byte, char>(entry.Slice(56, NameLength * 2));
        int end = name.IndexOf('\0');
        ulong blockSectors = (ulong)blockSize / 512;
        return new GptPartition(
            number, new string(end < 0 ? name : name[..end]), new Guid(entry.Slice(16, 16)), type, first * blockSectors, (last - first + 1) * blockSectors);
    }

    private static void CheckOverlaps(List<GptPartition> partitions)
    {
        GptPartition[] byStart = [.. partitions.OrderBy(p => p.FirstSector)];
        for (int i = 1; i < byStart.Length; i++)
        {
            if (byStart[i].FirstSector - byStart[i - 1].FirstSector < byStart[i - 1].SectorCount)
            {
                throw new GptException($"partitions {byStart[i - 1].Number} and {byStart[i].Number} overlap");
            }
        }
    }
}
