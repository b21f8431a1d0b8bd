using Makatea.Sel4.Image;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Programs;
using Makatea.Sel4.Tests.Modules;

namespace Makatea.Sel4.Tests.Programs;

public sealed class SyscallRewriterTests
{
    private const ulong Base = 0x400000;

    // mov eax, 39; syscall; ret
    private static readonly byte[] _getpid = [0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3];

    // mov eax, 0x050f (the bytes 0f 05 as an operand); ret
    private static readonly byte[] _operand = [0xb8, 0x0f, 0x05, 0, 0, 0xc3];

    [Fact]
    public void A_system_call_becomes_an_interrupt_and_nothing_else_changes()
    {
        byte[] code = [.. _getpid, .. _operand, .. _getpid];
        TestElf elf = Text(code).Symbol("first", Base, 8).Symbol("second", Base + 8, 6).Symbol("third", Base + 14, 8).Add(0x401000, [0x0f, 0x05], ElfRights.Read).Section(".rodata");
        RewrittenImage image = SyscallRewriter.Rewrite(elf.Parse());
        Assert.Equal([new(Base + 5, "first"), new(Base + 19, "third")], image.Sites);
        Assert.Equal(1, image.OtherPairs);
        byte[] before = elf.Bytes();
        int[] changed = [.. Enumerable.Range(0, before.Length).Where(i => before[i] != image.Bytes[i])];
        int start = (int)elf.Parse().Segments[0].Offset;
        Assert.Equal([start + 5, start + 6, start + 19, start + 20], changed);
        Assert.Equal([0xcd, 0xc0, 0xcd, 0xc0], changed.Select(i => image.Bytes[i]));
    }

    [Fact]
    public void A_function_may_have_several_names_and_no_size()
    {
        TestElf elf = Text([.. _getpid, .. _getpid]).Symbol("a", Base, 8).Symbol("alias", Base, 8).Symbol("longer", Base, 0).Symbol("last", Base + 8, 0);
        Assert.Equal([Base + 5, Base + 13], SyscallRewriter.Rewrite(elf.Parse()).Sites.Select(s => s.Address));
    }

    /// <summary>What compilers write: addresses relative to where they stand, in 4 bytes.</summary>
    [Fact]
    public void The_unwind_table_says_where_functions_are_whose_symbols_were_discarded()
    {
        byte[] common = [0x14, 0, 0, 0, 0, 0, 0, 0, 1, (byte)'z', (byte)'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0];
        byte[] function = [0x10, 0, 0, 0, 28, 0, 0, 0, 0xe0, 0xef, 0xff, 0xff, 8, 0, 0, 0, 0, 0, 0, 0];
        TestElf Elf(params byte[] table) => Text([.. _getpid, .. _getpid]).Symbol("other", Base + 8, 8).Add(Base + 0x1000, table, ElfRights.Read).Section(".eh_frame");
        Assert.Equal([new(Base + 5, "function at 0x400000"), new(Base + 13, "other")], SyscallRewriter.Rewrite(Elf([.. common, .. function, 0, 0, 0, 0]).Parse()).Sites);
        AssertRefused("0x400005 in .text (in no function)", Elf([.. common, 0, 0, 0, 0, .. function]));
        AssertRefused("0x400005 in .text (function at 0x400000)", Elf([.. common, .. function[..12], 6, .. function[13..]]));
        byte[] file = Elf([.. common, .. function, 0, 0, 0, 0]).Bytes();
        Mutations.Run(file, file.Length, bytes => SyscallRewriter.Rewrite(ElfFile.Parse("fuzzed", bytes)));
    }

    /// <summary>Only pointers lead to what a compiler made of static variables' initial values.</summary>
    [Theory]
    [InlineData(".init_array")]
    [InlineData(".fini_array")]
    public void Initialisers_begin_where_their_table_says(string section)
    {
        TestElf Elf(ulong first) => Text([.. _operand, .. _getpid, .. _operand]).Symbol("last", Base + 14, 6).Add(Base + 0x1000, [.. BitConverter.GetBytes(first), .. BitConverter.GetBytes(Base + 6), 1, 2], ElfRights.Read).Section(section);
        RewrittenImage image = SyscallRewriter.Rewrite(Elf(Base).Parse());
        Assert.Equal([new(Base + 11, "initialiser at 0x400006")], image.Sites);
        Assert.Equal(2, image.OtherPairs);
        AssertRefused("0x400001 in .text (in no function)", Elf(0));
        AssertRefused("0x40000b in .text (in no function)", Text([.. _operand, .. _getpid]).Symbol("first", Base, 6).Add(Base + 0x1000, [1, 2, 3], ElfRights.Read).Section(section));
    }

    [Fact]
    public void Data_that_a_symbol_names_is_left_alone()
    {
        TestElf elf = Text([.. _getpid, 0x0f, 0x05]).Symbol("f", Base, 8).Symbol("table", Base + 8, 2, ElfSymbol.Data);
        RewrittenImage image = SyscallRewriter.Rewrite(elf.Parse());
        Assert.Equal((1, 1), (image.Sites.Count, image.OtherPairs));
    }

    [Fact]
    public void A_pair_that_begins_in_one_instruction_and_ends_in_the_next_is_none()
    {
        // mov al, 0x0f; add eax, imm32 (05 ...)
        RewrittenImage image = SyscallRewriter.Rewrite(Text([0xb0, 0x0f, 0x05, 1, 2, 3, 4, 0xc3]).Symbol("f", Base, 8).Parse());
        Assert.Equal((0, 1), (image.Sites.Count, image.OtherPairs));
    }

    [Fact]
    public void What_no_symbol_covers_is_refused() =>
        AssertRefused("0x400005 in .text (in no function)", Text(_getpid).Symbol("elsewhere", Base, 4));

    [Fact]
    public void A_function_that_does_not_end_with_an_instruction_is_refused() =>
        AssertRefused("0x400005 in .text (f)", Text([.. _getpid, 0xb8, 0, 0]).Symbol("f", Base, 11));

    [Fact]
    public void A_function_with_bytes_that_are_no_instruction_is_refused() =>
        AssertRefused("0x400006 in .text (f)", Text([0x06, .. _getpid]).Symbol("f", Base, 9));

    [Fact]
    public void A_function_longer_than_its_section_is_refused() => AssertRefused("0x400005 in .text (f)", Text(_getpid).Symbol("f", Base, 9));

    [Fact]
    public void Functions_that_overlap_and_disagree_are_refused() =>
        AssertRefused("0x400001 in .text", Text([0xb8, 0x0f, 0x05, 0, 0, 0xc3]).Symbol("f", Base, 6).Symbol("inside", Base + 1, 2));

    [Fact]
    public void A_function_that_is_also_data_is_refused() => AssertRefused("0x400005", Text(_getpid).Symbol("f", Base, 8).Symbol("d", Base + 5, 2, ElfSymbol.Data));

    [Fact]
    public void A_prefix_before_the_instruction_is_refused() => AssertRefused("0x400001 in .text (f)", Text([0x48, 0x0f, 0x05, 0xc3]).Symbol("f", Base, 4));

    [Fact]
    public void Many_places_are_counted() =>
        AssertRefused("and 12 other places", Text([.. Enumerable.Repeat(_getpid, 20).SelectMany(c => c)]));

    [Fact]
    public void A_stripped_program_is_refused() =>
        AssertRefused("no sections with code", new TestElf().Add(Base, _getpid, ElfRights.Read | ElfRights.Execute));

    [Fact]
    public void Broken_programs_are_refused_and_nothing_else()
    {
        byte[] file = Text([.. _getpid, .. _operand]).Symbol("f", Base, 8).Symbol("g", Base + 8, 0).Bytes();
        Mutations.Run(file, file.Length, bytes => SyscallRewriter.Rewrite(ElfFile.Parse("fuzzed", bytes)));
    }

    private static TestElf Text(byte[] code) => new TestElf().Add(Base, code, ElfRights.Read | ElfRights.Execute).Section(".text");

    private static void AssertRefused(string expected, TestElf elf)
    {
        string message = Assert.Throws<ImageException>(() => SyscallRewriter.Rewrite(elf.Parse())).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }
}
