using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>The life of a sandboxed process.</summary>
public sealed class SandboxedProcessTests
{
    private const int Killed = 9;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(255)]
    public void ExitCodesArrive(int code) => Assert.Equal(new ProcessExit(code, null), Probe.RunInside(["exit", code.ToString()]).Exit);

    [Fact]
    public void AProgramThatCrashesIsSeenToCrash()
    {
        ProbeRun run = Probe.RunInside(["crash"]);
        Assert.Null(run.Exit.Code);
        Assert.NotNull(run.Exit.Signal);
        Assert.Contains("as asked", run.Output);
    }

    [Fact]
    public void KillEndsItAndLeavesNothing()
    {
        using SandboxedProcess process = Probe.StartWaiting(["wait"]);
        Assert.False(process.WaitForExit(TimeSpan.Zero));
        process.Kill();
        Assert.Equal(new ProcessExit(null, Killed), process.WaitForExit());
        Assert.False(Directory.Exists($"/proc/{process.Pid}"), "a zombie is left");
        process.Kill(); // of nothing
        process.Terminate();
    }

    [Fact]
    public void TerminateReachesTheProgram()
    {
        using SandboxedProcess process = Probe.StartWaiting(["terminate"]);
        process.Terminate();
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)));
        Assert.Equal(new ProcessExit(42, null), process.WaitForExit());
    }

    [Fact]
    public void DisposeEndsIt()
    {
        SandboxedProcess process = Probe.StartWaiting(["wait"]);
        process.Dispose();
        Assert.Equal(new ProcessExit(null, Killed), process.WaitForExit());
        process.Dispose();
        Assert.Throws<ObjectDisposedException>(process.Kill);
    }

    [Fact]
    public void ItDiesWithItsParent()
    {
        using Process starter = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["exec", Probe.Assembly, "launch", "wait"]) { RedirectStandardOutput = true })!;
        (int pid, bool waits) = (0, false);
        while (pid == 0 || !waits)
        {
            string line = starter.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the starter ended");
            pid = line.StartsWith("pid\t", StringComparison.Ordinal) ? int.Parse(line[4..]) : pid;
            waits |= line == "waiting";
        }

        Assert.True(IsRunning(pid));
        starter.Kill();
        starter.WaitForExit();
        Assert.True(SpinWait.SpinUntil(() => !IsRunning(pid), TimeSpan.FromSeconds(10)), $"process {pid} outlived its starter");
    }

    [Fact]
    public void ItDoesNotDieWithTheThreadThatAskedForIt()
    {
        SandboxedProcess? process = null;
        var thread = new Thread(() => process = Probe.StartWaiting(["wait"]));
        thread.Start();
        thread.Join();
        using (process)
        {
            Assert.False(process!.WaitForExit(TimeSpan.FromMilliseconds(300)));
        }
    }

    [Fact]
    public void OtherChildrenAreLeftAlone()
    {
        // System.Diagnostics.Process reaps on SIGCHLD: neither takes the other's.
        Parallel.For(0, 24, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            if (i % 2 == 0)
            {
                using Process other = Process.Start("/bin/sh", ["-c", $"exit {i}"]);
                other.WaitForExit();
                Assert.Equal(i, other.ExitCode);
            }
            else
            {
                SandboxOptions options = new() { Executable = "/bin/sh", Arguments = ["-c", $"exit {i}"], ReadOnlyPaths = DotnetSandbox.SystemLibraries() };
                using SandboxedProcess process = SandboxedProcess.Start(options);
                Assert.Equal(new ProcessExit(i, null), process.WaitForExit());
            }
        });
    }

    [Fact]
    public void NumbersOfDescriptorsNeverClash()
    {
        ProbeRun run = Probe.RunOutside(["launch-crowded"]).MustSucceed();
        Assert.Equal(33, run.Results.Count);
        Assert.All(run.Results, r => Assert.True(r.Value == "ok", $"{r.Key}: {r.Value}"));
    }

    [Fact]
    public void NothingIsLostOverManyStarts()
    {
        // In a process of its own, in which nothing else opens anything.
        ProbeRun run = Probe.RunOutside(["launch-many", "20"]).MustSucceed();
        Assert.Equal("0", run["descriptors"]);
        Assert.Equal("0", run["mappings of plans"]);
        Assert.Equal("0", run["children"]);
        Assert.Equal("0", run["waiters"]);
    }

    [Fact]
    public void WrongOptionsAreRefusedBeforeAnythingStarts()
    {
        SandboxOptions good = new() { Executable = "/bin/true", ReadOnlyPaths = DotnetSandbox.SystemLibraries() };
        Refused(good with { Executable = "/nowhere" }, "/nowhere");
        Refused(good with { Executable = "true" }, "true");
        Refused(good with { Executable = "/etc/passwd" }, "ELF");
        Refused(good with { ReadOnlyPaths = ["/no/such/path"] }, "there is no '/no'");
        Refused(good with { ReadOnlyPaths = ["relative"] }, "absolute");
        Refused(good with { Arguments = ["a\0b"] }, "zero character");
        Refused(good with { Descriptors = new Dictionary<int, SafeHandle> { [3] = new SafeFileHandle(-1, false) } }, "slot 3");
        Refused(good with { WorkingDirectory = "/no" }, "chdir /no");
        Refused(good with { Arguments = [new string('x', 5 << 20)] }, "exceed");
        Refused(good with { ReadOnlyPaths = [] }, null);

        static void Refused(SandboxOptions options, string? message)
        {
            if (message is not null)
            {
                Assert.Contains(message, Assert.Throws<SandboxException>(() => SandboxedProcess.Start(options)).Message);
                return;
            }

            // Its libraries were not granted: the dynamic linker says so and ends.
            Assert.NotEqual(0, Probe.RunInside(options).Exit.Code);
        }
    }

    private static bool IsRunning(int pid) =>
        File.Exists($"/proc/{pid}/stat") && !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);
}
