using System.Diagnostics;
using Makatea.Platform.Linux.Sandboxing;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Tells a kernel that refuses a part of the sandbox from a sandbox that does not put it on.</summary>
internal static class FullSandbox
{
    private static readonly Lazy<string?> _refusal = new(AskKernel);

    /// <summary>Skips the test where the kernel refuses a part, by the word of another program; else fails it if a layer is off.</summary>
    public static void Require(SandboxReport report)
    {
        Skip.If(_refusal.Value is not null, _refusal.Value);
        Assert.True(report.Has(SandboxLayers.All), $"the kernel allows all of it, but:\n{report}");
    }

    private static string? AskKernel()
    {
        using Process process = Process.Start(new ProcessStartInfo(
            "/usr/bin/unshare", ["--user", "--map-root-user", "--mount", "--net", "--ipc", "--uts", "--cgroup", "--pid", "--fork", "mount", "-t", "tmpfs", "none", "/tmp"])
        {
            RedirectStandardError = true,
        })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode != 0 ? $"this kernel refuses namespaces: {error.Trim()}"
            : SandboxHost.Landlock <= 0 ? "this kernel has no Landlock: boot with lsm=landlock,..."
            : null;
    }
}
