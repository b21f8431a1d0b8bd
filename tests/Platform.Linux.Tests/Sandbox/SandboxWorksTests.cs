using System.IO.Pipes;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>What was granted works in the sandbox, and so does .NET.</summary>
[Trait("Category", "Long")]
public sealed class SandboxWorksTests
{
    [Theory]
    [InlineData(SandboxLayers.All)]
    [InlineData(SandboxLayers.All & ~SandboxLayers.ProcessNamespace)]
    [InlineData(SandboxLayers.All & ~(SandboxLayers.UserNamespace | SandboxLayers.ProcessNamespace | SandboxLayers.MountNamespace))]
    [InlineData(SandboxLayers.None)]
    public void GrantsAndDotnetWork(SandboxLayers layers)
    {
        using SafeFileHandle memory = new(Libc.MemfdCreate("granted", Libc.MFD_CLOEXEC), ownsHandle: true);
        RandomAccess.Write(memory, "granted"u8, 0);
        using SafeFileHandle doorbell = new(Libc.EventFd(0, 0x8_0000), ownsHandle: true);
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        ProbeRun run = Probe.RunInside(["works", "3", "7", "4"], o => o with
        {
            Layers = layers,
            Required = SandboxLayers.None,
            Descriptors = new Dictionary<int, SafeHandle> { [3] = memory, [7] = pipe.ClientSafePipeHandle, [4] = doorbell },
        });
        pipe.DisposeLocalCopyOfClientHandle();
        run.MustSucceed();

        // The second check of descriptors is by name: 0 to 4, 7, and what the runtime makes for itself (epoll, pipes, memory files).
        Assert.All(run.Results.Where(r => r.Key != "own descriptors only"), r => Assert.True(r.Value == "ok", $"{r.Key}: {r.Value}"));
        Assert.True(run.Results.Count > 15, run.Output);
        Assert.Equal("hello", new StreamReader(pipe).ReadToEnd());
        byte[] count = new byte[8];
        Assert.Equal(8, RandomAccess.Read(doorbell, count, 0));
        Assert.Equal(1UL, BitConverter.ToUInt64(count));
    }

    [Theory]
    [InlineData(FileEngine.IoUring)]
    [InlineData(FileEngine.Threads)]
    [InlineData(FileEngine.Inline)]
    [InlineData(FileEngine.Mapped)]
    public void AGrantedDiskIsServedWhenSealed(FileEngine engine)
    {
        string folder = engine == FileEngine.Mapped ? "/dev/shm" : Path.GetTempPath();
        string path = Path.Combine(folder, $"makatea-disk-{Guid.NewGuid():N}");
        try
        {
            using SafeFileHandle disk = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite);
            RandomAccess.SetLength(disk, 1 << 20);
            ProbeRun run = Probe.RunInside(["disk", "5", engine.ToString()], o => o with
            {
                AllowIoUring = engine == FileEngine.IoUring,
                Descriptors = new Dictionary<int, SafeHandle> { [5] = disk },
            }).MustSucceed();
            Assert.Equal(engine.ToString(), run["engine"]);
            Assert.All(run.Results.Where(r => r.Key != "engine"), r => Assert.True(r.Value == "Ok", $"{r.Key}: {r.Value}"));
            Assert.Equal(9, run.Results.Count);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void DescriptorsAreExactlyThoseGranted()
    {
        // A slot that is another grant's number outside, two slots that swap, and one far away.
        using SafeFileHandle first = File.OpenHandle("/dev/null");
        using SafeFileHandle second = File.OpenHandle("/dev/zero");
        int a = (int)first.DangerousGetHandle(), b = (int)second.DangerousGetHandle();
        ProbeRun run = Probe.RunInside(new SandboxOptions
        {
            Executable = "/bin/ls",
            Arguments = ["-l", "/proc/self/fd"],
            ReadOnlyPaths = DotnetSandbox.SystemLibraries(),
            Descriptors = new Dictionary<int, SafeHandle> { [a] = second, [b] = first, [300] = first },
        }).MustSucceed();

        string[] lines = [.. run.Output.Split('\n').Where(l => l.Contains("->", StringComparison.Ordinal))];
        string[] numbers = [.. lines.Select(l => l[..l.IndexOf(" -> ", StringComparison.Ordinal)].Split(' ')[^1])];
        int own = Enumerable.Range(3, 300).First(fd => fd != a && fd != b); // that ls reads the directory through
        Assert.Equal(new[] { 0, 1, 2, own, a, b, 300 }.Order(), numbers.Select(int.Parse).Order());
        Assert.Contains(lines, l => l.Contains($" {a} -> /dev/zero", StringComparison.Ordinal) || l.Contains($" {a} -> /zero", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains($" {b} -> /dev/null", StringComparison.Ordinal) || l.Contains($" {b} -> /null", StringComparison.Ordinal));
    }

    [SkippableFact]
    public void EveryNamespaceIsItsOwn()
    {
        ProbeRun run = RunTool("/bin/ls", "-l", "/proc/self/ns").MustSucceed();
        FullSandbox.Require(run.Report);
        string[] kinds = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"];
        Assert.All(kinds, kind =>
        {
            string outside = new FileInfo($"/proc/self/ns/{kind}").LinkTarget!;
            Assert.Contains($" {kind} -> {kind}:[", run.Output);
            Assert.DoesNotContain(outside, run.Output);
        });
    }

    [SkippableFact]
    public void TheProcessStartsWithNothingOfItsStarter()
    {
        // A program of C: .NET sets signal handlers of its own. .NET ignores SIGPIPE, which a child would inherit.
        ProbeRun run = RunTool("/bin/cat", "/proc/self/status").MustSucceed();
        FullSandbox.Require(run.Report);
        string[] zero = ["SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
        Assert.All(zero, name => Assert.Equal("0000000000000000", run[name + ":"]));
        Assert.Equal("1", run["NoNewPrivs:"]);
        Assert.Equal("2", run["Seccomp:"]);
        Assert.Equal("1", run["Seccomp_filters:"]);
        Assert.Equal("1000\t1000\t1000\t1000", run["Uid:"]);
        Assert.Equal("1000\t1000\t1000\t1000", run["Gid:"]);
        Assert.Equal("1", run["Pid:"]);
    }

    [Fact]
    public void TheEnvironmentIsTheGivenOneAlone()
    {
        ProbeRun run = Probe.RunInside(["environment"], o => o with { Environment = new Dictionary<string, string>(o.Environment) { ["GIVEN"] = "yes: é" } }).MustSucceed();
        string[] names = [.. run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split('=')[0])];
        Assert.Contains("GIVEN=yes: é\n", run.Output);
        Assert.DoesNotContain("PATH", names);
        Assert.DoesNotContain("HOME", names);
    }

    [Fact]
    public void TheLimitOfDescriptorsHolds()
    {
        ProbeRun run = Probe.RunInside(["descriptors"], o => o with { Limits = new() { OpenFiles = 200 } }).MustSucceed();
        Assert.Equal("199", run["highest descriptor"]);
        Assert.Equal("0", run["core dump limit"]);
    }

    [SkippableFact]
    public void TheLimitOfThreadsHolds()
    {
        ProbeRun run = Probe.RunInside(["threads"], o => o with
        {
            Limits = new() { Threads = 60 },
            Environment = new Dictionary<string, string>(o.Environment) { ["DOTNET_TieredCompilation"] = "0" },
        });
        if (!run.Report.Has(SandboxLayers.UserNamespace))
        {
            FullSandbox.Require(run.Report);
        }

        run.MustSucceed();
        Assert.InRange(int.Parse(run["threads"]), 1, 59);
    }

    [Fact]
    public void MemoryLimitsHold()
    {
        ProbeRun run = Probe.RunInside(["exit", "0"], o => o with { Limits = new() { Data = 1 << 20 } });
        Assert.NotEqual(0, run.Exit.Code);
        Probe.RunInside(["exit", "0"], o => o with { Limits = new() { Data = 1UL << 30 } }).MustSucceed();
    }

    [SkippableFact]
    public void SmallStaticProgramsRun()
    {
        const string Busybox = "/bin/busybox";
        Skip.IfNot(File.Exists(Busybox), "no /bin/busybox: apt-get install busybox-static");
        ProbeRun run = Probe.RunInside(new SandboxOptions { Executable = Busybox, Arguments = ["echo", "hello"] }).MustSucceed();
        Assert.Equal("hello\n", run.Output);
    }

    [Fact]
    public void EncodingsSurvive()
    {
        const string Text = "höher \u2192 \U0001F600 \"'\\ $HOME";
        Assert.Equal(Text + "\n", RunTool("/bin/echo", Text).MustSucceed().Output);
    }

    private static ProbeRun RunTool(string program, params string[] arguments) => Probe.RunInside(new SandboxOptions
    {
        Executable = program,
        Arguments = arguments,
        ReadOnlyPaths = DotnetSandbox.SystemLibraries(),
    });
}
