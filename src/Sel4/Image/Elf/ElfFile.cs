using System.Buffers.Binary;
using System.Text;

namespace Makatea.Sel4.Image.Elf;

/// <summary>
/// A 64-bit ELF file for x86-64 [ELF-64 1.5]. Everything that it says of itself is checked against its length before it is used; sections and symbols are there where it has them.
/// </summary>
public sealed class ElfFile
{
    /// <summary>The type of what lies at fixed addresses.</summary>
    public const ushort Executable = 2;

    internal const int HeaderLength = 64;
    internal const int ProgramHeaderLength = 56;

    private const int SectionHeaderLength = 64;
    private const int SymbolLength = 24;
    private const int MostSegments = 1024;

    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly Lazy<IReadOnlyList<ElfSymbol>> _symbols;

    private ElfFile(string name, ReadOnlyMemory<byte> bytes)
    {
        Name = name;
        _bytes = bytes;
        ReadOnlySpan<byte> header = bytes.Span;
        Require(header.Length >= HeaderLength && header.StartsWith("\u007fELF"u8), "it does not begin like an ELF file");
        Require(header[4] == 2 && header[5] == 1 && header[6] == 1, "it is not 64-bit, little-endian and of version 1");
        ushort machine = UInt16(18);
        Require(machine == 62, $"it is for machine {machine}, needed is 62, x86-64");
        Type = UInt16(16);
        Entry = UInt64(24);
        Segments = ReadSegments(UInt64(32), UInt16(54), UInt16(56));
        Sections = ReadSections(UInt64(40), UInt16(58), UInt16(60), UInt16(62));
        _symbols = new(ReadSymbols);
    }

    /// <summary>What errors call it.</summary>
    public string Name { get; }

    /// <summary>All of it.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.Span;

    /// <summary>Its e_type: 2 where it lies at fixed addresses.</summary>
    public ushort Type { get; }

    /// <summary>Where it starts.</summary>
    public ulong Entry { get; }

    /// <summary>Program headers, in their order.</summary>
    public IReadOnlyList<ElfSegment> Segments { get; }

    /// <summary>Sections, in their order; the first is the null section.</summary>
    public IReadOnlyList<ElfSection> Sections { get; }

    /// <summary>Symbols, in their order; none where they were stripped.</summary>
    /// <exception cref="ImageException">The table is broken.</exception>
    public IReadOnlyList<ElfSymbol> Symbols => _symbols.Value;

    /// <summary>Reads a file.</summary>
    /// <exception cref="ImageException">It is none, or broken.</exception>
    public static ElfFile Parse(string name, ReadOnlyMemory<byte> bytes) => new(name, bytes);

    /// <summary>The bytes that a segment has in the file.</summary>
    public ReadOnlySpan<byte> Contents(ElfSegment segment) => Bytes.Slice((int)segment.Offset, (int)segment.FileLength);

    /// <summary>The bytes of a section that has some in the file.</summary>
    public ReadOnlySpan<byte> Contents(ElfSection section) => Bytes.Slice((int)section.Offset, (int)section.Length);

    /// <summary>The file as far as its segments need it: no sections, symbols or debug information.</summary>
    public byte[] WithoutSections()
    {
        ulong headers = Segments.Count == 0 ? HeaderLength : Math.Max(HeaderLength, UInt64(32) + (ulong)(Segments.Count * ProgramHeaderLength));
        byte[] file = Bytes[..(int)Math.Max(headers, Segments.Select(s => s.Offset + s.FileLength).DefaultIfEmpty().Max())].ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(40), 0);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(60), 0);
        return file;
    }

    internal ImageException Broken(string what) => new($"{Name} cannot be used: {what}");

    private void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw Broken(otherwise);
        }
    }

    private List<ElfSegment> ReadSegments(ulong offset, ushort entryLength, ushort count)
    {
        if (count == 0)
        {
            return [];
        }

        Require(entryLength == ProgramHeaderLength && count <= MostSegments, $"it has {count} program headers of {entryLength} bytes, allowed are {MostSegments} of {ProgramHeaderLength}");
        Require(IsInside(offset, (ulong)count * ProgramHeaderLength), "its program headers are outside of it");
        var segments = new List<ElfSegment>(count);
        for (int i = 0; i < count; i++)
        {
            int at = (int)offset + (i * ProgramHeaderLength);
            var segment = new ElfSegment(UInt32(at), (ElfRights)UInt32(at + 4), UInt64(at + 8), UInt64(at + 16), UInt64(at + 32), UInt64(at + 40));
            Require(IsInside(segment.Offset, segment.FileLength), $"segment {i} is outside of it");
            if (segment.Type == ElfSegment.Load)
            {
                Require(segment.FileLength <= segment.MemoryLength, $"segment {i} has more bytes in the file than in memory");
                Require(segment.Address <= ulong.MaxValue - segment.MemoryLength, $"segment {i} wraps around the end of memory");
            }

            segments.Add(segment);
        }

        return segments;
    }

    private List<ElfSection> ReadSections(ulong offset, ushort entryLength, ushort count, ushort names)
    {
        if (offset == 0 || count == 0)
        {
            return [];
        }

        Require(entryLength == SectionHeaderLength && names < count, $"its sections have headers of {entryLength} bytes, their names are section {names} of {count}");
        Require(IsInside(offset, (ulong)count * SectionHeaderLength), "its section headers are outside of it");
        int nameHeader = (int)offset + (names * SectionHeaderLength);
        ulong namesOffset = UInt64(nameHeader + 24);
        ulong namesLength = UInt64(nameHeader + 32);
        Require(IsInside(namesOffset, namesLength), "the names of its sections are outside of it");
        var sections = new List<ElfSection>(count);
        for (int i = 0; i < count; i++)
        {
            int at = (int)offset + (i * SectionHeaderLength);
            var section = new ElfSection(
                Text(namesOffset, namesLength, UInt32(at)), UInt32(at + 4), UInt64(at + 8), UInt64(at + 16), UInt64(at + 24), UInt64(at + 32), UInt32(at + 40));
            Require(section.Type is 0 or ElfSection.NoBits || IsInside(section.Offset, section.Length), $"section {i} is outside of it");
            Require(section.Address <= ulong.MaxValue - section.Length, $"section {i} wraps around the end of memory");
            sections.Add(section);
        }

        return sections;
    }

    private List<ElfSymbol> ReadSymbols()
    {
        var symbols = new List<ElfSymbol>();
        foreach (ElfSection table in Sections.Where(s => s.Type == ElfSection.SymbolTable))
        {
            Require(table.Link < Sections.Count && Sections[(int)table.Link].Type is not ElfSection.NoBits and not 0, $"the names of the symbols in {table.Name} are no section");
            ElfSection names = Sections[(int)table.Link];
            for (ulong i = 0; i < table.Length / SymbolLength; i++)
            {
                int at = (int)(table.Offset + (i * SymbolLength));
                ulong address = UInt64(at + 8);
                ulong length = UInt64(at + 16);
                Require(address <= ulong.MaxValue - length, $"symbol {i} wraps around the end of memory");
                symbols.Add(new ElfSymbol(Text(names.Offset, names.Length, UInt32(at)), (byte)(_bytes.Span[at + 4] & 15), UInt16(at + 6), address, length));
            }
        }

        return symbols;
    }

    private bool IsInside(ulong offset, ulong length) => offset <= (ulong)_bytes.Length && length <= (ulong)_bytes.Length - offset;

    private string Text(ulong table, ulong length, uint offset)
    {
        Require(offset < length || (offset == 0 && length == 0), "a name is outside of its table");
        ReadOnlySpan<byte> rest = _bytes.Span.Slice((int)table, (int)length)[(int)offset..];
        int end = rest.IndexOf((byte)0);
        Require(end >= 0 || length == 0, "a name does not end");
        return Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
    }

    private ushort UInt16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.Span[at..]);

    private uint UInt32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.Span[at..]);

    private ulong UInt64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.Span[at..]);
}
