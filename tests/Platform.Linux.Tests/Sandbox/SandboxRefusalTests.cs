using Makatea.Platform.Linux.Sandboxing;

namespace Makatea.Platform.Linux.Tests;

/// <summary>The sandbox where the kernel refuses a part of it, and for starters that are not root.</summary>
public sealed class SandboxRefusalTests(SandboxBed bed) : IClassFixture<SandboxBed>
{
    private const SandboxLayers WithoutNamespaces = SandboxLayers.Limits | SandboxLayers.Unprivileged | SandboxLayers.NoCapabilities | SandboxLayers.DiesWithParent
        | SandboxLayers.NoNewPrivileges | SandboxLayers.Landlock | SandboxLayers.Seccomp;

    [SkippableFact]
    public void AnOrdinaryUserGetsTheSame()
    {
        Skip.IfNot(SandboxHost.IsRoot, "the other tests ran as an ordinary user already");
        ProbeRun run = Probe.RunOutside(["launch", "attempts", .. bed.Targets], ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"], bed.Probe);
        Skip.If(Layers(run, "off").Contains(SandboxLayers.UserNamespace), $"this kernel has no user namespaces for ordinary users:\n{run.Output}");
        run.MustSucceed();
        Assert.Empty(Layers(run, "off"));
        Assert.All(AttemptsOf(run), r => Assert.True(int.TryParse(r.Value, out _), $"{r.Key}: {r.Value} inside"));
    }

    [SkippableFact]
    public void WithoutNamespacesTheOtherLayersHold()
    {
        // A user namespace in which there can be no further namespace of any kind, and no capabilities: what a hardened host or container gives.
        ProbeRun run = RunRestricted("for f in /proc/sys/user/max_*_namespaces; do echo 0 > $f; done; exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --securebits=+noroot,+noroot_locked \"$@\"", ["launch", "attempts", .. bed.Targets]);
        run.MustSucceed();
        Assert.Contains(SandboxLayers.UserNamespace, Layers(run, "off"));
        Assert.Contains(SandboxLayers.MountNamespace, Layers(run, "off"));
        Assert.Contains("ENOSPC", run.Output);
        SandboxLayers expected = SandboxHost.Landlock > 0 ? WithoutNamespaces : WithoutNamespaces & ~SandboxLayers.Landlock;
        Assert.Equal(expected & ~SandboxLayers.Unprivileged, Layers(run, "on").Aggregate((x, y) => x | y) & ~SandboxLayers.Unprivileged);

        // All that is left of the host to see is what everybody may know.
        string[] harmless = ["look for a file of the starter", "see another process", "see a network interface", "know the host's name"];
        Assert.All(AttemptsOf(run).Where(r => !harmless.Contains(r.Key)), r => Assert.True(int.TryParse(r.Value, out _), $"{r.Key}: {r.Value} inside"));
    }

    [SkippableFact]
    public void RootWithoutUserNamespacesGivesItsComponentsAnotherUser()
    {
        Skip.IfNot(SandboxHost.IsRoot, "needs root");
        ProbeRun run = Probe.RunInside(["attempts", .. bed.Targets], o => o with { Layers = SandboxLayers.All & ~SandboxLayers.UserNamespace }, bed.Probe).MustSucceed();
        Assert.Equal(SandboxLayers.All & ~SandboxLayers.UserNamespace, run.Report.Active);
        Assert.All(AttemptsOf(run), r => Assert.True(int.TryParse(r.Value, out _), $"{r.Key}: {r.Value} inside"));
    }

    [SkippableFact]
    public void AProgramInAFolderThatOnlyRootMayEnterIsStarted()
    {
        Skip.IfNot(SandboxHost.IsRoot, "needs root");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("makatea-private-");
        try
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, folder.UnixFileMode);
            string program = folder.CreateSubdirectory("program").FullName;
            string[] files = Directory.GetFiles(Path.GetDirectoryName(Probe.Assembly)!);
            Array.ForEach(files, f => File.Copy(f, Path.Combine(program, Path.GetFileName(f))));
            ProbeRun run = Probe.RunInside(["exit", "7"], assembly: Path.Combine(program, Path.GetFileName(Probe.Assembly)));
            Skip.IfNot(run.Report.Has(SandboxLayers.MountNamespace), $"without a root of its own the component's user must be able to enter:\n{run.Report}");
            Assert.Equal(new ProcessExit(7, null), run.Exit);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void LimitsGoNotAboveTheStarters()
    {
        ProbeRun run = Probe.RunOutside(["launch-required", "Limits", "descriptors"], ["/bin/sh", "-c", "ulimit -n 300; exec \"$@\"", "sh"]).MustSucceed();
        Assert.Equal("299", run["highest descriptor"]);
    }

    [SkippableFact]
    public void ALayerThatIsRequiredAndRefusedIsAnError()
    {
        ProbeRun run = RunRestricted("echo 0 > /proc/sys/user/max_net_namespaces; exec \"$@\"", ["launch-required", "NetworkNamespace", "exit", "0"]);
        Assert.NotEqual(0, run.Exit.Code);
        Assert.Contains("unshare(CLONE_NEWNET)", run.Output);
        Assert.Contains("The layer NetworkNamespace is required", run.Output);
        ProbeRun other = RunRestricted("echo 0 > /proc/sys/user/max_net_namespaces; exec \"$@\"", ["launch-required", "MountNamespace", "exit", "0"]);
        other.MustSucceed();
        Assert.Equal([SandboxLayers.NetworkNamespace], Layers(other, "off").Except([SandboxLayers.Unprivileged]));
    }

    private ProbeRun RunRestricted(string script, string[] arguments)
    {
        ProbeRun check = Probe.RunOutside(["exit", "0"], ["/usr/bin/unshare", "--user", "--map-root-user"]);
        Skip.IfNot(check.Exit.Code == 0, $"cannot make a user namespace to restrict: {check.Output}");
        return Probe.RunOutside(arguments, ["/usr/bin/unshare", "--user", "--map-root-user", "/bin/sh", "-c", script, "sh"], bed.Probe);
    }

    private static SandboxLayers[] Layers(ProbeRun run, string state) =>
        [.. run.Results.Where(r => Enum.TryParse<SandboxLayers>(r.Key, out _) && r.Value.StartsWith(state + "\t", StringComparison.Ordinal)).Select(r => Enum.Parse<SandboxLayers>(r.Key))];

    private static IEnumerable<KeyValuePair<string, string>> AttemptsOf(ProbeRun run) => run.Results.Where(r => r.Key.Contains(' ') || r.Key.StartsWith("open", StringComparison.Ordinal));
}
