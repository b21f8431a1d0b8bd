using Makatea.Imaging;
using Makatea.Sel4.Image;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Modules;
using Makatea.Sel4.Tests.Boards;
using Makatea.Sel4.Tests.Modules;

namespace Makatea.Tests.Imaging;

public sealed class SystemImageTests : IDisposable
{
    private const string System = "components: {one: {program: p.elf, files: {d: data.bin}}, two: {program: p.elf}}";

    private readonly TestBoard _board = new();
    private readonly TestSystem _system = new();

    public void Dispose()
    {
        _board.Dispose();
        _system.Dispose();
    }

    [Fact]
    public void A_module_has_the_manifest_the_programs_and_the_files()
    {
        SystemPlan plan = _system.Expand(System);
        SystemImage image = Build(plan);
        (ulong[] board, IReadOnlyList<ArchiveFile> files) = BootModule.Read("module", image.Module);
        Assert.Equal(BoardFolder.Open(_board.Path).Table.Values, board);
        Assert.Equal(["manifest", "bin/layer", "bin/console", "bin/p.elf", "d", "one.json", "two.json"], files.Select(f => f.Name));
        Assert.Equal(plan.Manifest.ToBytes(), Contents(files, "manifest"));
        Assert.Equal("some data"u8.ToArray(), Contents(files, "d"));

        // The program's system call is rewritten; the layer's own is not.
        var program = ElfFile.Parse("p", Contents(files, "bin/p.elf"));
        Assert.Equal([0xb8, 0x27, 0, 0, 0, 0xcd, 0xc0, 0xc3], program.Contents(program.Segments[0]).ToArray());
        Assert.Empty(program.Sections);
        var layer = ElfFile.Parse("l", Contents(files, "bin/layer"));
        Assert.Equal([0x0f, 0x05], layer.Contents(layer.Segments[0]).ToArray());
    }

    [Fact]
    public void Sizes_are_reported()
    {
        ImageReport report = Build(_system.Expand(System)).Report;
        Assert.Equal(["root task", "layer", "console", "program"], report.Programs.Select(p => p.Role));
        ProgramReport program = report.Programs[3];
        Assert.Equal((8ul, 5000ul, 1), (program.Code, program.Data, program.SystemCalls));
        Assert.Equal(["console", "one", "two"], report.Components.Select(c => c.Name));
        Assert.All(report.Components, c => Assert.InRange(c.Total, c.Memory + 100_000, c.Memory + (4 << 20)));
        Assert.InRange(report.Memory, 128ul << 20, 200ul << 20);
        Assert.Equal(512ul << 20, report.MachineMemory);
        Assert.Empty(report.Warnings);
    }

    [Fact]
    public void Large_programs_are_named()
    {
        _system.Linux = new TestElf().Add(0x400000, TestSystem.LinuxCode, TestSystem.CodeRights).Section(".text").Symbol("f", 0x400000, 8).Add(0x500000, new byte[3_100_000], ElfRights.Read);
        Assert.Equal("bin/p.elf has 3.1 MB, more than the 3 MB that a component ought to have; what it refers to and does not need can be trimmed", Assert.Single(Build(_system.Expand(System)).Report.Warnings));
    }

    [Fact]
    public void What_cannot_run_is_said()
    {
        AssertRefused("p.elf cannot be used: it has no sections with code", new TestElf().Add(0x400000, [0x0f, 0x05], TestSystem.CodeRights));
        AssertRefused("it is not static at fixed addresses (type 3", new TestElf { Type = 3 }.Add(0x400000, [1], TestSystem.CodeRights));
        AssertRefused("is not between 0x1000 and 0x70000000", new TestElf().Add(0x6fff_f000, [1], TestSystem.CodeRights, 0x2000));
        AssertRefused("may be written and executed", new TestElf().Add(0x400000, [1], TestSystem.CodeRights | ElfRights.Write));
    }

    [Fact]
    public void A_system_that_is_larger_than_its_machine_is_refused_and_the_largest_are_named()
    {
        string message = Assert.Throws<ImageException>(() => Build(_system.Expand("memory: 128M\ncomponents: {small: {program: p.elf, memory: 16M}, large: {program: p.elf, memory: 96M}}"))).Message;
        Assert.Matches(@"^the system needs \d+ MiB and the machine has 128 MiB", message);
        Assert.Matches(@"\n  large: 9\d MiB\n  small: 1\d MiB\n  console: 0 MiB$", message);
    }

    [Fact]
    public void Nothing_is_built_where_the_manifest_cannot_be()
    {
        string many = string.Join(", ", Enumerable.Range(0, 40).Select(i => $"c{i}: {{program: p.elf, disks: [{{name: d, image: \"null:1G\"}}]}}"));
        SystemPlan plan = _system.Expand($"domains: {{s: {{sel4: {{program: p.elf}}}}}}\ncomponents: {{{many}}}");
        Assert.Contains("grants, allowed are 256", Assert.Throws<ImageException>(() => SystemImage.Build(plan, BoardFolder.Open(_board.Path), new NoPrograms(), "m")).Message, StringComparison.Ordinal);
    }

    private static byte[] Contents(IReadOnlyList<ArchiveFile> files, string name) => files.Single(f => f.Name == name).Contents.ToArray();

    private SystemImage Build(SystemPlan plan) => SystemImage.Build(plan, BoardFolder.Open(_board.Path), _system, "module.elf");

    private void AssertRefused(string expected, TestElf program)
    {
        _system.Linux = program;
        Assert.Contains(expected, Assert.Throws<ImageException>(() => Build(_system.Expand(System))).Message, StringComparison.Ordinal);
    }

    private sealed class NoPrograms : IProgramSource
    {
        public BuiltProgram Get(ProgramProject project) => throw new InvalidOperationException($"built {project.Path}");
    }
}
