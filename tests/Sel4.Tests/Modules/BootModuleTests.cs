using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using Makatea.Sel4.Image;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Modules;
using Makatea.Sel4.Tests.Boards;

namespace Makatea.Sel4.Tests.Modules;

public sealed class BootModuleTests : IDisposable
{
    private const ElfRights CodeRights = ElfRights.Read | ElfRights.Execute;

    private readonly TestBoard _folder = new();
    private readonly BoardTable _board;

    public BootModuleTests() => _board = BoardFolder.Open(_folder.Path).Table;

    [Fact]
    public void The_layout_is_what_both_sides_agreed_on()
    {
        Assert.Equal((56, 32), (Marshal.SizeOf<ArchiveHeader>(), Marshal.SizeOf<ArchiveEntry>()));
        string[] fields = ["Magic", "Version", "Length", "BoardOffset", "BoardCount", "EntriesOffset", "EntryCount"];
        Assert.Equal(Enumerable.Range(0, 7).Select(i => i * 8), fields.Select(f => (int)Marshal.OffsetOf<ArchiveHeader>(f)));
        Assert.Equal([0, 8, 16, 24], new[] { "NameOffset", "NameLength", "Offset", "Length" }.Select(f => (int)Marshal.OffsetOf<ArchiveEntry>(f)));
        Assert.Equal("MAKATEA\0"u8.ToArray(), BitConverter.GetBytes(ArchiveLayout.Magic));
    }

    [Fact]
    public void What_goes_in_comes_out()
    {
        Gen<ArchiveFile> file =
            from name in Gen.Elements("storage", "net/e1000.elf", "größe", "a b")
            from number in Gen.Choose(0, 1 << 20)
            from length in Gen.Elements(0, 1, 4095, 4096, 4097, 70_000)
            select new ArchiveFile($"{name}{number}", Enumerable.Range(number, length).Select(i => (byte)(i * 7)).ToArray());
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(200), Prop.ForAll(file.ListOf().ToArbitrary(), some =>
        {
            ArchiveFile[] files = [.. some.DistinctBy(f => f.Name)];
            byte[] module = BootModule.Build(TestElf.RootTask().Parse(), _board, files);
            (ulong[] board, IReadOnlyList<ArchiveFile> read) = BootModule.Read("module", module);
            Assert.Equal(_board.Values.ToArray(), board);
            Assert.Equal(files.Select(f => f.Name), read.Select(f => f.Name));
            Assert.All(files.Zip(read), p => Assert.True(p.First.Contents.Span.SequenceEqual(p.Second.Contents.Span)));
        }));
    }

    [Fact]
    public void The_root_task_is_kept_and_the_archive_is_read_only_behind_it()
    {
        ElfFile rootTask = TestElf.RootTask().Parse();
        var module = ElfFile.Parse("module", BootModule.Build(rootTask, _board, [new("a", new byte[5000])]));
        Assert.Equal((rootTask.Entry, rootTask.Type, 3), (module.Entry, module.Type, module.Segments.Count));
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(rootTask.Segments[i] with { Offset = 0 }, module.Segments[i] with { Offset = 0 });
            Assert.Equal(rootTask.Contents(rootTask.Segments[i]).ToArray(), module.Contents(module.Segments[i]).ToArray());
        }

        Assert.Equal((ArchiveLayout.Address, ElfRights.Read), (module.Segments[2].Address, module.Segments[2].Flags));
        Assert.Equal(module.Segments[2].MemoryLength, module.Segments[2].FileLength);
        Assert.All(module.Segments, s => Assert.Equal(s.Address % 4096, s.Offset % 4096));
        Assert.Empty(module.Sections);
    }

    /// <summary>GRUB puts smaller modules below the kernel.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(3 << 20)]
    public void A_module_is_larger_than_1_MiB(int length) =>
        Assert.InRange(BootModule.Build(TestElf.RootTask().Parse(), _board, [new("a", new byte[length])]).Length, (1 << 20) + 1, (1 << 22) + length);

    [Fact]
    public void A_root_task_that_does_not_fit_is_refused()
    {
        AssertRefused("no segments", new TestElf());
        AssertRefused("not static at fixed addresses (type 3", new TestElf { Type = 3 }.Add(0x400000, [1], CodeRights));
        AssertRefused("not static", TestElf.RootTask().Add(0, "/lib/ld.so"u8.ToArray(), ElfRights.Read, type: ElfSegment.Interpreter));
        AssertRefused("not static", TestElf.RootTask().Add(0x400000, [], ElfRights.Read, type: ElfSegment.Dynamic));
        AssertRefused("segments at 0x400000 and 0x400001 overlap", new TestElf().Add(0x400001, [1], CodeRights).Add(0x400000, [1, 2], CodeRights));
        AssertRefused("begins at 0x400010", new TestElf { Entry = 0x400010 }.Add(0x400010, [1], CodeRights));
        AssertRefused("reaches to 0x600001, where the archive is", TestElf.RootTask().Add(0x5ff000, [1], ElfRights.Read, 0x1001));
        AssertRefused("entry point 0x600000 is in no segment", new TestElf { Entry = 0x600000 }.Add(0x400000, [1], CodeRights));
        AssertRefused("entry point 0x401010 is in no segment that may be executed", new TestElf { Entry = 0x401010 }.Add(0x401000, [1], ElfRights.Read, 4096).Add(0x400000, [1], CodeRights));
    }

    [Fact]
    public void Archives_for_which_the_kernel_has_no_slots_are_refused()
    {
        ReadOnlyMemory<byte> large = new byte[1 << 20];
        ArchiveFile[] files = [.. Enumerable.Range(0, 513).Select(i => new ArchiveFile($"{i}", large))];
        Assert.Contains("ROOT_CNODE_SIZE_BITS", Assert.Throws<ImageException>(() => BootModule.Build(TestElf.RootTask().Parse(), _board, files)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\nb")]
    [InlineData("a\0")]
    public void Names_that_cannot_be_used_are_refused(string name) =>
        Assert.Contains("cannot name a file", Assert.Throws<ImageException>(() => BootModule.Build(TestElf.RootTask().Parse(), _board, [new(name, default)])).Message, StringComparison.Ordinal);

    [Fact]
    public void Two_files_of_one_name_are_refused() =>
        Assert.Contains("a 2 times", Assert.Throws<ImageException>(() => BootModule.Build(TestElf.RootTask().Parse(), _board, [new("a", default), new("a", default)])).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_without_an_archive_is_no_boot_module() =>
        Assert.Contains("no boot module", Assert.Throws<ImageException>(() => BootModule.Read("x", TestElf.RootTask().Bytes())).Message, StringComparison.Ordinal);

    [Fact]
    public void Broken_archives_are_refused_and_nothing_else()
    {
        byte[] archive = Archive.Write(_board.Values, [new("first", new byte[100]), new("second", new byte[5000])]);
        int tables = 56 + (8 * _board.Values.Length) + 64 + 11;
        Mutations.Run(archive, tables, bytes => Archive.Read(bytes));
    }

    public void Dispose() => _folder.Dispose();

    private void AssertRefused(string expected, TestElf rootTask) =>
        Assert.Contains(expected, Assert.Throws<ImageException>(() => BootModule.Build(rootTask.Parse(), _board, [])).Message, StringComparison.Ordinal);
}
