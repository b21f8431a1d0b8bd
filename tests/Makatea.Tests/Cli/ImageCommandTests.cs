using System.Diagnostics;
using Makatea.Qemu;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Modules;
using Makatea.Sel4.Tests.Boards;
using Makatea.Sel4.Tests.Modules;

namespace Makatea.Tests.Cli;

public sealed class ImageCommandTests : IDisposable
{
    private const ElfRights CodeRights = ElfRights.Read | ElfRights.Execute;

    private const string Qemu = "/usr/bin/qemu-system-x86_64";

    private readonly TestBoard _board = new();
    private readonly TemporaryDirectory _directory = new();

    private string Output => Path.Combine(_directory.Path, "module.elf");

    [Fact]
    public void Programs_are_rewritten_and_other_files_are_not()
    {
        byte[] code = [0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3];
        string program = Write("hello", new TestElf().Add(0x400000, code, CodeRights).Section(".text").Symbol("f", 0x400000, 8).Bytes());
        string file = Write("manifest.json", code);
        (int exit, string output, string error) = Image(RootTask(), "--program", program, "--file", file);
        Assert.Equal((0, ""), (exit, error));
        Assert.Contains("hello: 1 system call rewritten, 0 other places with their bytes left alone\n", output, StringComparison.Ordinal);
        IReadOnlyList<ArchiveFile> files = BootModule.Read(Output, File.ReadAllBytes(Output)).Files;
        Assert.Equal(["hello", "manifest.json"], files.Select(f => f.Name));
        var rewritten = ElfFile.Parse("hello", files[0].Contents);
        Assert.Equal([0xb8, 0x27, 0, 0, 0, 0xcd, 0xc0, 0xc3], rewritten.Contents(rewritten.Segments[0]).ToArray());
        Assert.Empty(rewritten.Sections);
        Assert.Equal(code, files[1].Contents.ToArray());
    }

    [Fact]
    public void What_cannot_work_is_said_and_nothing_is_written()
    {
        string stripped = Write("stripped", new TestElf().Add(0x400000, [0x0f, 0x05], CodeRights).Bytes());
        AssertFails("stripped cannot be used: it has no sections with code", Image(RootTask(), "--program", stripped));
        AssertFails("cannot be the root task: it reaches to 0x700000", Image(Write("large", new TestElf().Add(0x400000, [1], CodeRights, 0x300000).Bytes())));
        AssertFails("Could not find file", Image(RootTask(), "--file", "/nonexistent"));
        _board.Options["KERNEL_MCS"] = false;
        _board.Save();
        AssertFails("KERNEL_MCS is false", Image(RootTask()));
        Assert.False(File.Exists(Output));
    }

    [Fact]
    public void A_module_starts_on_the_kernel_that_it_was_made_for_alone()
    {
        Assert.Equal(0, Image(RootTask()).Exit);
        _board.Options["HUGE_PAGE"] = false;
        _board.Save();
        AssertFails("was made for another kernel", ApplicationTests.Run("boot", Output, "--board", _board.Path));
        AssertFails("no boot module", ApplicationTests.Run("boot", RootTask(), "--board", _board.Path));
    }

    [Theory]
    [InlineData("image", "-o", "x")]
    [InlineData("image", "--root-task", "x")]
    [InlineData("boot")]
    [InlineData("boot", "x", "--memory", "1")]
    public void Wrong_usage_exits_with_2(params string[] arguments) => Assert.Equal(2, ApplicationTests.Run(arguments).Exit);

    [Fact]
    public void Commas_in_names_do_not_end_options_of_QEMU()
    {
        IReadOnlyList<string> arguments = Sel4Machine.Arguments("/k", "/a,b", "/c,d", 512);
        Assert.Equal("/a,,b", arguments[^1]);
        Assert.Contains("if=none,id=disk,format=raw,file=/c,,d", arguments);
    }

    [SkippableFact]
    [Trait("Category", "Device")]
    public void The_kernel_starts_a_module_and_SIGTERM_ends_it()
    {
        string board = RealBoard.Path;
        Skip.IfNot(File.Exists(Qemu), "needs QEMU (Debian: apt-get install qemu-system-x86)");
        Assert.Equal(0, ApplicationTests.Run("image", "--root-task", RootTask(), "--board", board, "-o", Output).Exit);
        Assert.Equal(1, Boot("dotnet", Path.Combine(AppContext.BaseDirectory, "makatea.dll"), "boot", Output, "--board", board));
    }

    [SkippableFact]
    [Trait("Category", "Device")]
    public void GRUB_starts_the_kernel_and_a_module_from_a_CD()
    {
        string board = RealBoard.Path;
        Skip.IfNot(File.Exists(Qemu), "needs QEMU (Debian: apt-get install qemu-system-x86)");
        Skip.IfNot(File.Exists("/usr/bin/grub-mkrescue") && File.Exists("/usr/bin/xorriso"), "needs GRUB's tools (Debian: apt-get install grub-common grub-pc-bin xorriso mtools)");
        string iso = Path.Combine(_directory.Path, "boot.iso");
        (int exit, _, string error) = ApplicationTests.Run("image", "--root-task", RootTask(), "--board", board, "-o", Output, "--iso", iso);
        Assert.Equal((0, ""), (exit, error));
        Boot(Qemu, "-nodefaults", "-display", "none", "-no-reboot", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "512", "-device", "intel-iommu", "-serial", "stdio", "-cdrom", iso);
    }

    public void Dispose()
    {
        _board.Dispose();
        _directory.Dispose();
    }

    /// <summary>Runs a program until the kernel is up, and ends it.</summary>
    /// <returns>Its exit status.</returns>
    private static int Boot(string program, params string[] arguments)
    {
        using Process boot = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardInput = true })!;
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        using CancellationTokenRegistration end = deadline.Token.Register(boot.Kill);
        string? line;
        do
        {
            line = boot.StandardOutput.ReadLine();
        }
        while (line is not null && !line.StartsWith("Booting all finished, dropped to user space", StringComparison.Ordinal));

        Assert.NotNull(line);
        using (var kill = Process.Start("kill", ["-TERM", $"{boot.Id}"]))
        {
            kill.WaitForExit();
        }

        Assert.True(boot.WaitForExit(TimeSpan.FromSeconds(20)));
        return boot.ExitCode;
    }

    // jmp to itself
    private string RootTask() => Write("roottask.elf", new TestElf().Add(0x400000, [0xeb, 0xfe], CodeRights).Bytes());

    private string Write(string name, byte[] contents)
    {
        string path = Path.Combine(_directory.Path, name);
        File.WriteAllBytes(path, contents);
        return path;
    }

    private (int Exit, string Output, string Error) Image(string rootTask, params string[] arguments) =>
        ApplicationTests.Run(["image", "--root-task", rootTask, "--board", _board.Path, "-o", Output, .. arguments]);

    private static void AssertFails(string expected, (int Exit, string Output, string Error) result)
    {
        Assert.Equal(1, result.Exit);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
    }
}
