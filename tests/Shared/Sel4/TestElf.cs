using System.Buffers.Binary;
using System.Text;
using Makatea.Sel4.Image.Elf;

namespace Makatea.Sel4.Tests.Modules;

/// <summary>Makes ELF files for tests: a program header for each part, and sections and symbols where they are given.</summary>
internal sealed class TestElf
{
    private readonly List<(ElfSegment Segment, byte[] Contents)> _segments = [];
    private readonly List<(string Name, byte Type, int Section, ulong Address, ulong Length)> _symbols = [];
    private readonly List<(string Name, int Segment)> _sections = [];

    public ushort Type { get; set; } = 2;

    public ulong Entry { get; set; } = 0x400000;

    /// <summary>A root task of one page of code and some data.</summary>
    public static TestElf RootTask() => new TestElf().Add(0x400000, [0x0f, 0x0b], ElfRights.Read | ElfRights.Execute).Add(0x401010, [1, 2, 3], ElfRights.Read | ElfRights.Write, 5000);

    public TestElf Add(ulong address, byte[] contents, ElfRights rights, ulong? memoryLength = null, uint type = ElfSegment.Load)
    {
        _segments.Add((new ElfSegment(type, rights, 0, address, (ulong)contents.Length, memoryLength ?? (ulong)contents.Length), contents));
        return this;
    }

    /// <summary>A section of the segment that was added last.</summary>
    public TestElf Section(string name)
    {
        _sections.Add((name, _segments.Count - 1));
        return this;
    }

    /// <summary>A symbol in the section that was added last; of a function (2) by default.</summary>
    public TestElf Symbol(string name, ulong address, ulong length, byte type = 2)
    {
        _symbols.Add((name, type, _sections.Count, address, length));
        return this;
    }

    public ElfFile Parse() => ElfFile.Parse("test.elf", Bytes());

    public byte[] Bytes()
    {
        var file = new MemoryStream();
        file.Write(new byte[64 + (_segments.Count * 56)]);
        ulong[] offsets = new ulong[_segments.Count];
        for (int i = 0; i < _segments.Count; i++)
        {
            offsets[i] = (ulong)file.Length;
            file.Write(_segments[i].Contents);
        }

        (byte[] names, byte[] symbolNames, byte[] symbols) = Tables(out int[] nameOffsets);
        long namesAt = Append(file, names);
        long symbolNamesAt = Append(file, symbolNames);
        long symbolsAt = Append(file, symbols);
        int sectionCount = _sections.Count == 0 ? 0 : _sections.Count + 4;
        long sectionsAt = Append(file, new byte[sectionCount * 64]);
        byte[] bytes = file.ToArray();
        WriteHeader(bytes, sectionsAt, sectionCount);
        for (int i = 0; i < _segments.Count; i++)
        {
            ElfSegment s = _segments[i].Segment;
            Span<byte> at = bytes.AsSpan(64 + (i * 56));
            Write(at, s.Type | ((ulong)s.Flags << 32), offsets[i], s.Address, s.Address, s.FileLength, s.MemoryLength, 4096);
        }

        if (sectionCount > 0)
        {
            Span<byte> headers = bytes.AsSpan((int)sectionsAt);
            for (int i = 0; i < _sections.Count; i++)
            {
                int segment = _sections[i].Segment;
                ElfSegment s = _segments[segment].Segment;
                ulong flags = 2ul | (s.Flags.HasFlag(ElfRights.Execute) ? 4ul : 0);
                Write(headers[((i + 1) * 64)..], (uint)nameOffsets[i] | (1ul << 32), flags, s.Address, offsets[segment], s.FileLength);
            }

            int next = _sections.Count + 1;
            Write(headers[(next * 64)..], 3ul << 32, 0, 0, (ulong)namesAt, (ulong)names.Length);
            Write(headers[((next + 1) * 64)..], 3ul << 32, 0, 0, (ulong)symbolNamesAt, (ulong)symbolNames.Length);
            Write(headers[((next + 2) * 64)..], 2ul << 32, 0, 0, (ulong)symbolsAt, (ulong)symbols.Length, (ulong)(next + 1));
        }

        return bytes;
    }

    private (byte[] Names, byte[] SymbolNames, byte[] Symbols) Tables(out int[] nameOffsets)
    {
        var names = new MemoryStream();
        names.WriteByte(0);
        nameOffsets = [.. _sections.Select(s => (int)Append(names, Encoding.UTF8.GetBytes(s.Name + "\0")))];
        var symbolNames = new MemoryStream();
        symbolNames.WriteByte(0);
        byte[] symbols = new byte[(_symbols.Count + 1) * 24];
        for (int i = 0; i < _symbols.Count; i++)
        {
            (string name, byte type, int section, ulong address, ulong length) = _symbols[i];
            ulong first = (ulong)Append(symbolNames, Encoding.UTF8.GetBytes(name + "\0")) | ((ulong)type << 32) | ((ulong)section << 48);
            Write(symbols.AsSpan((i + 1) * 24), first, address, length);
        }

        return (names.ToArray(), symbolNames.ToArray(), symbols);
    }

    private void WriteHeader(byte[] bytes, long sectionsAt, int sectionCount)
    {
        Write(bytes, 0x00010102464c457f, 0, Type | (62ul << 16) | (1ul << 32), Entry, 64, (ulong)sectionsAt, 64ul << 32);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(54), 56);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(56), (ushort)_segments.Count);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(58), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(60), (ushort)sectionCount);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(62), (ushort)(_sections.Count + 1));
    }

    private static long Append(MemoryStream file, byte[] bytes)
    {
        long at = file.Length;
        file.Write(bytes);
        return at;
    }

    private static void Write(Span<byte> at, params ReadOnlySpan<ulong> words)
    {
        for (int i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(at[(i * 8)..], words[i]);
        }
    }
}
