using System.Buffers.Binary;
using System.Text;

namespace Makatea.Domains.Storage.Tests;

/// <summary>An image of a disk with a GPT, written here as the standard has it, to be broken by tests.</summary>
internal sealed class GptImage
{
    private const int EntrySize = 128;
    private readonly int _entryCount;
    private readonly int _entriesBlocks;

    public GptImage(int blocks = 256, int blockSize = 512, int entryCount = 128)
    {
        Blocks = blocks;
        BlockSize = blockSize;
        _entryCount = entryCount;
        _entriesBlocks = entryCount * EntrySize / blockSize;
        Bytes = new byte[blocks * blockSize];
        Bytes[446 + 4] = 0xEE;
        Bytes[510] = 0x55;
        Bytes[511] = 0xAA;
        WriteHeader(1, blocks - 1, 2);
        WriteHeader(blocks - 1, 1, blocks - 1 - _entriesBlocks);
        Seal();
    }

    public byte[] Bytes { get; }

    public int Blocks { get; }

    public int BlockSize { get; }

    public int FirstUsable => 2 + _entriesBlocks;

    public int LastUsable => Blocks - 2 - _entriesBlocks;

    public Span<byte> Primary => Bytes.AsSpan(BlockSize, BlockSize);

    public Span<byte> Backup => Bytes.AsSpan((Blocks - 1) * BlockSize, BlockSize);

    public Span<byte> Entry(int number) => Bytes.AsSpan((2 * BlockSize) + ((number - 1) * EntrySize), EntrySize);

    public GptImage Add(int number, string name, ulong first, ulong last, Guid? id = null)
    {
        Span<byte> entry = Entry(number);
        entry.Clear();
        new Guid("0fc63daf-8483-4772-8e79-3d69d8477de4").TryWriteBytes(entry);
        (id ?? new Guid(number, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)).TryWriteBytes(entry[16..]);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[32..], first);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[40..], last);
        Encoding.Unicode.GetBytes(name, entry[56..]);
        return Seal();
    }

    /// <summary>Copies the primary's entries to the backup and makes all checksums right, whatever was broken before.</summary>
    public GptImage Seal()
    {
        Span<byte> entries = Bytes.AsSpan(2 * BlockSize, _entryCount * EntrySize);
        entries.CopyTo(Bytes.AsSpan((Blocks - 1 - _entriesBlocks) * BlockSize));
        foreach (int lba in new[] { 1, Blocks - 1 })
        {
            Span<byte> header = Bytes.AsSpan(lba * BlockSize, BlockSize);
            BinaryPrimitives.WriteUInt32LittleEndian(header[88..], Crc32.Of(entries));
            SealHeader(header);
        }

        return this;
    }

    public static void SealHeader(Span<byte> header)
    {
        int size = (int)Math.Clamp(BinaryPrimitives.ReadUInt32LittleEndian(header[12..]), 0, (uint)header.Length);
        header[16..20].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], Crc32.Of(header[..size]));
    }

    public MemoryDevice ToDevice(int? deviceBlockSize = null) => Disks.Of(Bytes, deviceBlockSize ?? BlockSize);

    private void WriteHeader(int lba, int otherLba, int entriesLba)
    {
        Span<byte> header = Bytes.AsSpan(lba * BlockSize, BlockSize);
        "EFI PART"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], 0x10000);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], 92);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], (ulong)lba);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], (ulong)otherLba);
        BinaryPrimitives.WriteUInt64LittleEndian(header[40..], (ulong)FirstUsable);
        BinaryPrimitives.WriteUInt64LittleEndian(header[48..], (ulong)LastUsable);
        new Guid("11223344-5566-7788-99aa-bbccddeeff00").TryWriteBytes(header[56..]);
        BinaryPrimitives.WriteUInt64LittleEndian(header[72..], (ulong)entriesLba);
        BinaryPrimitives.WriteUInt32LittleEndian(header[80..], (uint)_entryCount);
        BinaryPrimitives.WriteUInt32LittleEndian(header[84..], EntrySize);
    }
}
