using System.Buffers.Binary;
using System.IO.Compression;

namespace Makatea.Sel4.Image.Elf;

/// <summary>
/// The functions that a program's unwind table describes (<c>.eh_frame</c>, [LSB-5.0 Core] 10.6.1), and that of its debugger (<c>.debug_frame</c>, [DWARF-5] 6.4.1), which has those that were compiled without the
/// first. Linkers keep them where they discard symbols. Entries in encodings that compilers for x86-64 do not use are left out.
/// </summary>
internal static class UnwindTable
{
    private const byte Signed4 = 0x0b;
    private const byte Unsigned4 = 0x03;
    private const byte Signed8 = 0x0c;
    private const byte Absolute = 0x00;
    private const byte Relative = 0x10;
    private const ulong Compressed = 0x800;
    private const ulong MostDecompressed = 64 << 20;

    /// <summary>Where functions begin, and the addresses behind them.</summary>
    public static IReadOnlyList<(ulong Start, ulong End)> Functions(ElfFile file)
    {
        var found = new List<(ulong, ulong)>();
        foreach (ElfSection section in file.Sections.Where(s => s.Name == ".eh_frame" && s.Type is not ElfSection.NoBits and not 0))
        {
            var encodings = new Dictionary<int, byte?>();
            ReadOnlySpan<byte> table = file.Contents(section);
            for (int at = 0; TryReadEntry(table, at, out int start, out int next); at = next)
            {
                ReadOnlySpan<byte> entry = table[..next];
                int common = BinaryPrimitives.ReadInt32LittleEndian(entry[start..]);
                if (common == 0)
                {
                    encodings[at] = PointerEncoding(entry[(start + 4)..]);
                }
                else if (encodings.TryGetValue(start - common, out byte? encoding) && encoding is { } known && TryReadRange(entry, start + 4, section.Address, known, out (ulong, ulong) range))
                {
                    found.Add(range);
                }
            }
        }

        foreach (ElfSection section in file.Sections.Where(s => s.Name == ".debug_frame" && s.Type is not ElfSection.NoBits and not 0))
        {
            ReadOnlySpan<byte> table = (section.Flags & Compressed) == 0 ? file.Contents(section) : Decompress(file.Contents(section));
            for (int at = 0; TryReadEntry(table, at, out int start, out int next); at = next)
            {
                // A common entry has this for its own number; addresses are absolute.
                if (BinaryPrimitives.ReadUInt32LittleEndian(table[start..]) != uint.MaxValue && TryReadRange(table[..next], start + 4, 0, Absolute, out (ulong, ulong) range))
                {
                    found.Add(range);
                }
            }
        }

        return found;
    }

    /// <summary>A compressed section ([gABI] Chdr): type, size and alignment, then what zlib made. Nothing where it is something else.</summary>
    private static byte[] Decompress(ReadOnlySpan<byte> section)
    {
        const int HeaderLength = 24;
        const uint Zlib = 1;
        if (section.Length < HeaderLength || BinaryPrimitives.ReadUInt32LittleEndian(section) != Zlib || BinaryPrimitives.ReadUInt64LittleEndian(section[8..]) is var length && length > MostDecompressed)
        {
            return [];
        }

        byte[] table = new byte[length];
        try
        {
            using var stream = new ZLibStream(new MemoryStream(section[HeaderLength..].ToArray()), CompressionMode.Decompress);
            stream.ReadExactly(table);
            return table;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            return [];
        }
    }

    /// <summary>Finds the next entry: its first byte behind the length, and the entry after it.</summary>
    private static bool TryReadEntry(ReadOnlySpan<byte> table, int at, out int start, out int next)
    {
        start = at + 4;
        next = 0;
        if (table.Length - at < 8)
        {
            return false;
        }

        // 0 ends the table; 0xffffffff begins an entry of more than 4 GiB.
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(table[at..]);
        next = start + (int)Math.Min(length, int.MaxValue / 2);
        return length >= 4 && length <= (uint)(table.Length - start);
    }

    /// <summary>How addresses are written in entries that belong to a common entry; <see langword="null"/> where it does not say so in the usual way.</summary>
    private static byte? PointerEncoding(ReadOnlySpan<byte> common)
    {
        int augmentationEnd = common.Length > 1 ? common[1..].IndexOf((byte)0) + 1 : 0;
        if (augmentationEnd == 0 || common[0] is not 1 and not 3)
        {
            return null;
        }

        ReadOnlySpan<byte> augmentation = common[1..augmentationEnd];
        if (augmentation.IsEmpty)
        {
            return Absolute;
        }

        // Code and data alignment, the return address's register, the length of what follows.
        int at = augmentationEnd + 1;
        for (int i = 0; i < 4; i++)
        {
            at += common.Length > at ? common[at..].IndexOfAnyInRange((byte)0, (byte)127) + 1 : 0;
        }

        foreach (byte letter in augmentation[1..])
        {
            switch ((char)letter)
            {
                case 'R':
                    return augmentation[0] == 'z' && at < common.Length ? common[at] : null;
                case 'L':
                    at++;
                    break;
                case 'P' when at < common.Length && SizeOf(common[at]) is > 0 and int size:
                    at += 1 + size;
                    break;
                case 'S' or 'B':
                    break;
                default:
                    return null;
            }
        }

        return Absolute;
    }

    private static bool TryReadRange(ReadOnlySpan<byte> entry, int at, ulong tableAddress, byte encoding, out (ulong Start, ulong End) range)
    {
        range = default;
        int size = SizeOf(encoding);
        if (size == 0 || (encoding & 0xf0) is not 0 and not Relative || entry.Length - at < size * 2)
        {
            return false;
        }

        ulong start = Read(entry[at..], encoding);
        ulong length = size == 4 ? BinaryPrimitives.ReadUInt32LittleEndian(entry[(at + 4)..]) : BinaryPrimitives.ReadUInt64LittleEndian(entry[(at + 8)..]);
        start = (encoding & Relative) != 0 ? unchecked(start + tableAddress + (ulong)at) : start;
        range = (start, unchecked(start + length));
        return length > 0 && range.End > start;
    }

    private static int SizeOf(byte encoding) => (encoding & 0x0f) switch
    {
        Signed4 or Unsigned4 => 4,
        Absolute or Signed8 or 0x04 => 8,
        _ => 0,
    };

    private static ulong Read(ReadOnlySpan<byte> at, byte encoding) => (encoding & 0x0f) switch
    {
        Signed4 => unchecked((ulong)BinaryPrimitives.ReadInt32LittleEndian(at)),
        Unsigned4 => BinaryPrimitives.ReadUInt32LittleEndian(at),
        _ => BinaryPrimitives.ReadUInt64LittleEndian(at),
    };
}
