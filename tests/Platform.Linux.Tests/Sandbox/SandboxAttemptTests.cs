using Makatea.Platform.Linux.Sandboxing;

namespace Makatea.Platform.Linux.Tests;

/// <summary>A component can open nothing that it was not given: it tries.</summary>
public sealed class SandboxAttemptTests(SandboxBed bed) : IClassFixture<SandboxBed>
{
    private static readonly string[] _rootOnly =
    [
        "read passwords", "open the system's memory", "enter a mount namespace", "enter a network namespace", "make a BPF map", "use CAP_SYS_CHROOT", "use CAP_SETUID",
        "use CAP_SYS_RESOURCE", "use CAP_NET_RAW", "have a capability", "create a file in the root",
    ];

    // What there is to reach for depends on the machine.
    private static readonly string[] _notEverywhere =
        ["open /dev/kvm", "open the system's memory", "use CAP_SYS_RESOURCE", "make a ring", "make a BPF map", "handle page faults of the kernel", "enter a user namespace", "know the host's name", "see a network interface", "use CAP_NET_RAW", "trace another process"];

    [SkippableFact]
    public void EveryAttemptFailsInsideAndWorksOutside()
    {
        ProbeRun outside = Probe.RunOutside(["attempts", .. bed.Targets], assembly: bed.Probe).MustSucceed();
        ProbeRun inside = Probe.RunInside(["attempts", .. bed.Targets], bed.GrantToRead, bed.Probe).MustSucceed();
        FullSandbox.Require(inside.Report);

        Assert.Equal(outside.Results.Keys, inside.Results.Keys);
        Assert.All(inside.Results, r => Assert.True(int.TryParse(r.Value, out _), $"{r.Key}: {r.Value} inside"));

        IEnumerable<string> mustWork = outside.Results.Keys.Except(_notEverywhere).Except(SandboxHost.IsRoot ? [] : _rootOnly);
        Assert.All(mustWork, name => Assert.True(outside[name] == "ok", $"{name}: {outside[name]} outside, so the attempt proves nothing"));
    }

    // Each layer alone, so that none hides that another does nothing. The numbers are errors: 1 EPERM, 2 ENOENT, 3 ESRCH, 13 EACCES, 101 ENETUNREACH, 111 ECONNREFUSED.
    [SkippableTheory]
    [InlineData(SandboxLayers.Landlock | SandboxLayers.NoNewPrivileges, new[]
    {
        "read the list of users: 13",
        "read a file of the starter: 13",
        "create a file in a shared directory: 13",
        "write the program: 13",
        "connect to TCP on loopback: 13",
        "connect to an abstract UNIX socket: 1",
        "signal another process: 1",
        "read memory by process_vm_readv: 1",
        "start a shell: 13",
        "open a read-only descriptor again to write: 13",
    })]
    [InlineData(SandboxLayers.UserNamespace | SandboxLayers.MountNamespace, new[]
    {
        "read the list of users: 2",
        "find the list of users anywhere: 2",
        "connect to a UNIX socket by path: 2",
        "write the program: 30",
        "create a file in the root: 30",
        "start a shell: 2",
    })]
    [InlineData(SandboxLayers.UserNamespace | SandboxLayers.NetworkNamespace, new[]
    {
        "connect to TCP on loopback: 101",
        "connect to an abstract UNIX socket: 111",
    })]
    [InlineData(SandboxLayers.UserNamespace | SandboxLayers.ProcessNamespace, new[]
    {
        "signal another process: 3",
    })]
    [InlineData(SandboxLayers.Seccomp | SandboxLayers.NoNewPrivileges, new[]
    {
        "connect to TCP on loopback: 1",
        "write a file of the starter: 13",
        "open a read-only descriptor again to write: 13",
        "create a file in a shared directory: 13",
        "signal another process: 1",
        "start a shell: 1",
        "start a program with another interpreter: 1",
        "make a ring: 1",
        "use a keyring: 1",
    })]
    [InlineData(SandboxLayers.NoCapabilities | SandboxLayers.NoNewPrivileges, new[]
    {
        "use CAP_SYS_CHROOT: 1",
    })]
    [InlineData(SandboxLayers.Unprivileged, new[]
    {
        "read passwords: 13",
    })]
    [InlineData(SandboxLayers.None, new[]
    {
        "see an inherited descriptor: 9",
    })]
    public void ALayerAloneRefuses(SandboxLayers layers, string[] attempts)
    {
        ProbeRun run = RunWith(layers, "attempts", bed.Targets, bed.GrantToRead);
        Assert.Equal(attempts, attempts.Select(a => a.Split(": ")[0]).Select(a => $"{a}: {run[a]}"));
    }

    [SkippableFact]
    public void EverySystemCallThatIsNotNamedIsRefused()
    {
        // -1 for every argument is harmless, and gives another error where a call is admitted. No filter sees 335 and 336, by which the kernel's
        // own trampolines for probes return; from elsewhere they do nothing.
        SyscallRule[] rules = [.. SeccompPolicy.Rules(SandboxHost.Gate, allowIoUring: false)];
        int[] refused = [.. Enumerable.Range(0, 470).Except([335, 336]).Except(rules.Where(r => r.Alternatives.Length > 0).Select(r => (int)r.Number))];
        Assert.Contains(101, refused); // ptrace
        ProbeRun run = RunWith(SandboxLayers.Seccomp | SandboxLayers.NoNewPrivileges, "calls", [string.Join(',', refused)]);
        Assert.Equal(refused.Length, run.Results.Count);
        Assert.All(run.Results, r => Assert.True(r.Value == (IsUnknown(r.Key) ? "38" : "1"), $"call {r.Key} gave {r.Value}"));

        bool IsUnknown(string number) => rules.Any(r => ((int)r.Number).ToString() == number);
    }

    [SkippableFact]
    public void WhatARingLetsPastTheFilterOtherLayersRefuse()
    {
        ProbeRun inside = Probe.RunInside(["ring", .. bed.Targets], o => o with { AllowIoUring = true }, bed.Probe).MustSucceed();
        ProbeRun filterOnly = RunWith(SandboxLayers.Seccomp | SandboxLayers.NoNewPrivileges, "ring", bed.Targets, o => o with { AllowIoUring = true });
        Skip.IfNot(filterOnly["make a ring"] == "ok", "this kernel refuses io_uring");
        Skip.IfNot(inside.Report.Has(SandboxLayers.Landlock) || inside.Report.Has(SandboxLayers.MountNamespace), $"there is no other layer here:\n{inside.Report}");

        // The filter alone does not stop them: that is why the right is an option, and why the seal takes it away.
        Assert.Equal("ok", inside["make a ring"]);
        Assert.All(filterOnly.Results, r => Assert.True(r.Value == "ok", $"{r.Key}: {r.Value} under the filter alone"));
        Assert.All(inside.Results.Where(r => r.Key != "make a ring"), r => Assert.True(int.TryParse(r.Value, out _), $"{r.Key}: {r.Value} inside"));
        Assert.Equal("1", Probe.RunInside(["ring", .. bed.Targets], assembly: bed.Probe).MustSucceed()["make a ring"]);
    }

    private ProbeRun RunWith(SandboxLayers layers, string what, string[] arguments, Func<SandboxOptions, SandboxOptions>? grant = null)
    {
        ProbeRun run = Probe.RunInside([what, .. arguments], o => (grant?.Invoke(o) ?? o) with { Layers = layers, Required = SandboxLayers.None }, bed.Probe);
        if (!run.Report.Has(layers))
        {
            FullSandbox.Require(run.Report);
        }

        return run.MustSucceed();
    }
}
