using Makatea.Sel4.Image;
using Makatea.Sel4.Image.Elf;

namespace Makatea.Sel4.Tests.Modules;

public sealed class ElfFileTests
{
    private static TestElf Whole => new TestElf()
        .Add(0x400000, [0x0f, 0x05, 0xc3], ElfRights.Read | ElfRights.Execute).Section(".text").Symbol("f", 0x400000, 2).Symbol("g", 0x400002, 1)
        .Add(0x401000, [1, 2], ElfRights.Read).Section(".rodata");

    [Fact]
    public void Segments_sections_and_symbols_are_read()
    {
        ElfFile file = Whole.Parse();
        Assert.Equal([0x400000ul, 0x401000ul], file.Segments.Select(s => s.Address));
        Assert.Equal(["", ".text", ".rodata", "", "", ""], file.Sections.Select(s => s.Name));
        Assert.True(file.Sections[1].IsCode);
        Assert.False(file.Sections[2].IsCode);
        Assert.Equal([0x0f, 0x05, 0xc3], file.Contents(file.Sections[1]).ToArray());
        Assert.Equal(new ElfSymbol("g", ElfSymbol.Function, 1, 0x400002, 1), file.Symbols[2]);
    }

    [Fact]
    public void Without_sections_the_segments_remain()
    {
        ElfFile file = Whole.Parse();
        var without = ElfFile.Parse("without", file.WithoutSections());
        Assert.Equal(file.Segments, without.Segments);
        Assert.All(file.Segments, s => Assert.Equal(file.Contents(s).ToArray(), without.Contents(s).ToArray()));
        Assert.Empty(without.Sections);
        Assert.Equal((int)(file.Segments[1].Offset + file.Segments[1].FileLength), without.Bytes.Length);
    }

    [Theory]
    [InlineData(0, 0x7e, "does not begin like an ELF file")]
    [InlineData(4, 1, "not 64-bit")]
    [InlineData(5, 2, "not 64-bit, little-endian")]
    [InlineData(18, 183, "it is for machine 183")]
    [InlineData(54, 57, "program headers of 57 bytes")]
    [InlineData(57, 16, "program headers")]
    [InlineData(34, 16, "its program headers are outside of it")]
    [InlineData(42, 16, "its section headers are outside of it")]
    [InlineData(64 + 10, 16, "segment 0 is outside of it")]
    [InlineData(64 + 32, 99, "more bytes in the file than in memory")]
    public void Broken_headers_are_refused_in_words(int at, byte value, string expected)
    {
        byte[] bytes = Whole.Bytes();
        bytes[at] = value;
        string message = Assert.Throws<ImageException>(() => ElfFile.Parse("test.elf", bytes)).Message;
        Assert.StartsWith("test.elf cannot be used: ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Broken_files_are_refused_and_nothing_else()
    {
        byte[] file = Whole.Bytes();
        Mutations.Run(file, file.Length, bytes =>
        {
            var read = ElfFile.Parse("fuzzed", bytes);
            foreach (ElfSegment segment in read.Segments)
            {
                _ = read.Contents(segment).Length;
            }

            _ = ElfFile.Parse("without", read.WithoutSections()).Segments;
            _ = read.Symbols.Count;
            foreach (ElfSection section in read.Sections.Where(s => s.IsCode))
            {
                _ = read.Contents(section).Length;
            }
        });
    }
}
