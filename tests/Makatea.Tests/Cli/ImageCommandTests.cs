using System.Diagnostics;
using System.Text;
using Makatea.Imaging;
using Makatea.Sel4;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Elf;
using Makatea.Sel4.Image.Manifests;
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
    public void What_runs_on_Linux_alone_is_said_with_its_line()
    {
        (int exit, _, string error) = ImageOf("qubes: {work: {label: red, kernel: a.elf}}");
        Assert.Equal(2, exit);
        Assert.Contains("system.yaml:1:9: error: found the qube 'work': qubes do not run on seL4 yet", error, StringComparison.Ordinal);
        (exit, _, error) = ImageOf("domains: {a: {nvme: emulated, namespaces: [a.elf]}, b: {nvme: emulated, namespaces: [b.elf]}}\ncomponents: {c: {program: a.elf}}");
        Assert.Equal(2, exit);
        Assert.Contains("system.yaml:1:63: error: found an emulated controller again", error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_runs_on_seL4_alone_is_said_with_its_line()
    {
        Write("a.elf", [1]);
        (int exit, _, string error) = ApplicationTests.Run("up", Write("system.yaml", "components: {c: {program: a.elf}}"u8.ToArray()));
        Assert.Equal(2, exit);
        Assert.Contains("system.yaml:1:14: error: found the component 'c': components of one's own run on seL4; 'makatea image", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Components_are_checked_without_a_board()
    {
        Write("a.elf", [1]);
        (int exit, string output, _) = ApplicationTests.Run("check", Write("system.yaml", "components: {c: {program: a.elf}}"u8.ToArray()));
        Assert.Equal((0, "system: 0 domains, 1 component, 0 disks: ok\n"), (exit, output));
    }

    [Fact]
    public void A_kernel_that_does_not_fit_is_refused_before_anything_is_built()
    {
        _board.Options["KERNEL_MCS"] = false;
        _board.Save();
        AssertFails("KERNEL_MCS is false", ImageOf("components: {c: {program: a.elf}}"));
        Assert.False(File.Exists(Output));
    }

    [Fact]
    public void A_module_starts_on_the_kernel_that_it_was_made_for_alone()
    {
        WriteModule(_board.Path);
        _board.Options["HUGE_PAGE"] = false;
        _board.Save();
        AssertFails("was made for another kernel", ApplicationTests.Run("boot", Output, "--board", _board.Path));
        AssertFails("no boot module", ApplicationTests.Run("boot", RootTask(), "--board", _board.Path));
    }

    [Fact]
    public void A_module_is_not_started_without_what_it_needs()
    {
        var manifest = new Manifest { Components = [new Component { Name = "large", Program = "p", Memory = 1ul << 30 }] };
        WriteModule(_board.Path, new ArchiveFile(ManifestLayout.FileName, manifest.ToBytes()));
        (int exit, _, string error) = ApplicationTests.Run("boot", Output, "--board", _board.Path, "--memory", "512");
        Assert.Equal(1, exit);
        Assert.Matches(@"needs 10\d\d MiB and is given 512", error);
        AssertFails("found no disk at /nonexistent; make one by: truncate", ApplicationTests.Run("boot", Output, "--board", _board.Path, "--disk", "/nonexistent"));
    }

    [Theory]
    [InlineData("image", "-o", "x")]
    [InlineData("image", "x.yaml")]
    [InlineData("boot")]
    [InlineData("boot", "x", "--memory", "1")]
    [InlineData("boot", "x", "--timeout", "0")]
    [InlineData("boot", "x", "--net", "tap")]
    public void Wrong_usage_exits_with_2(params string[] arguments) => Assert.Equal(2, ApplicationTests.Run(arguments).Exit);

    [SkippableFact]
    [Trait("Category", "Device")]
    public void The_kernel_starts_a_module_and_SIGTERM_ends_it()
    {
        string board = RealBoard.Path;
        Skip.IfNot(File.Exists(Qemu), "needs QEMU (Debian: apt-get install qemu-system-x86)");
        WriteModule(board);
        Assert.Equal(0, Boot("dotnet", Path.Combine(AppContext.BaseDirectory, "makatea.dll"), "boot", Output, "--board", board, "--kernel-log"));
    }

    [SkippableFact]
    [Trait("Category", "Device")]
    public void A_run_ends_with_the_text_or_the_time_and_says_which()
    {
        string board = RealBoard.Path;
        Skip.IfNot(File.Exists(Qemu), "needs QEMU (Debian: apt-get install qemu-system-x86)");
        WriteModule(board);
        Assert.Equal(0, Boot("--until", "dropped to user", "--timeout", "90").Exit);
        (int exit, string error) = Boot("--until", "what nobody says", "--timeout", "4");
        Assert.Equal(1, exit);
        Assert.EndsWith("makatea: the text did not come in 4 s\n", error, StringComparison.Ordinal);
        Assert.DoesNotContain("signal", error, StringComparison.Ordinal);
        Assert.Equal(0, Boot("--timeout", "1").Exit);

        (int Exit, string Error) Boot(params string[] arguments)
        {
            (int exit, _, string error) = ApplicationTests.Run(["boot", Output, "--board", board, "--kernel-log", .. arguments]);
            return (exit, error);
        }
    }

    [SkippableFact]
    [Trait("Category", "Device")]
    public void GRUB_starts_the_kernel_and_a_module_from_a_CD()
    {
        string board = RealBoard.Path;
        Skip.IfNot(File.Exists(Qemu), "needs QEMU (Debian: apt-get install qemu-system-x86)");
        Skip.IfNot(File.Exists("/usr/bin/grub-mkrescue") && File.Exists("/usr/bin/xorriso"), "needs GRUB's tools (Debian: apt-get install grub-common grub-pc-bin xorriso mtools)");
        string iso = Path.Combine(_directory.Path, "boot.iso");
        WriteModule(board);
        GrubIso.Write(BoardFolder.Open(board).Kernel32!, File.ReadAllBytes(Output), iso);
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

    private void WriteModule(string board, params ArchiveFile[] files)
    {
        string rootTask = RootTask();
        File.WriteAllBytes(Output, BootModule.Build(ElfFile.Parse(rootTask, File.ReadAllBytes(rootTask)), BoardFolder.Open(board).Table, files));
    }

    private (int Exit, string Output, string Error) ImageOf(string yaml)
    {
        Write("a.elf", [1]);
        Write("b.elf", [1]);
        return ApplicationTests.Run("image", Write("system.yaml", Encoding.UTF8.GetBytes(yaml)), "--board", _board.Path, "-o", Output);
    }

    private static void AssertFails(string expected, (int Exit, string Output, string Error) result)
    {
        Assert.Equal(1, result.Exit);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
    }
}
