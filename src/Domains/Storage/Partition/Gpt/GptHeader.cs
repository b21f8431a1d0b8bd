using System.Buffers.Binary;
using System.Numerics;

namespace Makatea.Domains.Storage;

/// <summary>
/// A GPT header ([UEFI-2.10] 5.3.2, table 5.5), little-endian:
/// <code>
///  0 "EFI PART"      8 revision       12 header size    16 CRC-32 of the header   20 reserved
/// 24 my LBA         32 other LBA      40 first usable LBA    48 last usable LBA    56 disk GUID
/// 72 entries' LBA   80 entry count    84 entry size     88 CRC-32 of the entries
/// </code>
/// </summary>
internal readonly record struct GptHeader(
    ulong FirstUsable, ulong LastUsable, Guid DiskId, ulong EntriesLba, int EntryCount, int EntrySize, uint EntriesCrc)
{
    public const int MinSize = 92;
    public const int MaxEntriesLength = 1 << 20;
    private const int MinEntrySize = 128;
    private const int MaxEntrySize = 4096;
    private const uint Revision = 0x0001_0000;

    private static ReadOnlySpan<byte> Signature => "EFI PART"u8;

    /// <summary>Length of all entries in bytes.</summary>
    public int EntriesLength => EntryCount * EntrySize;

    /// <summary>Whether the block claims to be a header.</summary>
    public static bool HasSignature(ReadOnlySpan<byte> block) => block.StartsWith(Signature);

    /// <summary>Checks the header found in block <paramref name="lba"/> of a disk of <paramref name="blockCount"/> blocks.</summary>
    /// <exception cref="GptException">It is not one to trust.</exception>
    public static GptHeader Parse(ReadOnlySpan<byte> block, ulong lba, ulong blockCount)
    {
        Require(HasSignature(block), "it does not start with 'EFI PART'");
        uint revision = U32(block, 8);
        Require(revision == Revision, $"its revision is 0x{revision:x8}, not 0x{Revision:x8}");
        uint size = U32(block, 12);
        Require(size >= MinSize && size <= (uint)block.Length, $"its size is {size}, not {MinSize} to {block.Length} bytes");
        uint crc = CrcOf(block[..(int)size]);
        Require(U32(block, 16) == crc, $"its CRC-32 is 0x{U32(block, 16):x8}, and its contents have 0x{crc:x8}");
        ulong myLba = U64(block, 24);
        Require(myLba == lba, $"it says that it is in block {myLba}");

        uint count = U32(block, 80);
        uint entrySize = U32(block, 84);
        Require(
            entrySize is >= MinEntrySize and <= MaxEntrySize && BitOperations.IsPow2(entrySize),
            $"its entries are {entrySize} bytes long, not a power of two from {MinEntrySize} to {MaxEntrySize}");
        Require(
            count != 0 && count <= MaxEntriesLength / entrySize,
            $"it has {count} entries of {entrySize} bytes; between 1 and {MaxEntriesLength / entrySize} are allowed");

        var header = new GptHeader(U64(block, 40), U64(block, 48), new Guid(block.Slice(56, 16)), U64(block, 72), (int)count, (int)entrySize, U32(block, 88));
        header.CheckLayout(block.Length, blockCount);
        return header;
    }

    private static uint CrcOf(ReadOnlySpan<byte> header)
    {
        byte[] copy = header.ToArray();
        copy.AsSpan(16, 4).Clear();
        return Crc32.Of(copy);
    }

    private static uint U32(ReadOnlySpan<byte> block, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(block[offset..]);

    private static ulong U64(ReadOnlySpan<byte> block, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(block[offset..]);

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new GptException(otherwise);
        }
    }

    private void CheckLayout(int blockSize, ulong blockCount)
    {
        ulong entriesBlocks = ((ulong)EntriesLength + (uint)blockSize - 1) / (uint)blockSize;
        Require(
            FirstUsable >= 2 && FirstUsable <= LastUsable && LastUsable < blockCount - 1,
            $"its usable blocks are {FirstUsable} to {LastUsable}, which must lie between block 2 and the last but one of {blockCount}");
        Require(
            EntriesLba >= 2 && EntriesLba < blockCount - 1 && entriesBlocks <= blockCount - 1 - EntriesLba,
            $"its entries are {entriesBlocks} blocks from block {EntriesLba}, which must lie between block 2 and the last but one of {blockCount}");
        Require(
            EntriesLba + entriesBlocks <= FirstUsable || EntriesLba > LastUsable,
            $"its entries are {entriesBlocks} blocks from block {EntriesLba}, inside its usable blocks {FirstUsable} to {LastUsable}");
    }
}
