using System.Diagnostics;
using Makatea.Tests.Shared;
using Makatea.Vmm.Linux.Tests.Monitor;

namespace Makatea.Vmm.Linux.Tests;

/// <summary>makatea-vmm as a process, with a guest that any KVM runs, its monitor and its console on sockets.</summary>
internal sealed class RunningVmm : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);
    private readonly string _folder = Directory.CreateTempSubdirectory("makatea-vmm-").FullName;
    private readonly Process _process;

    public RunningVmm(string arguments = "")
    {
        Skip.IfNot(File.Exists("/dev/kvm"), "there is no /dev/kvm; load kvm_intel or kvm_amd, or pass the device into this container");
        string kernel = TinyKernel.Write(Path.Combine(_folder, "kernel"));
        _process = Process.Start(new ProcessStartInfo(
            "dotnet", $"exec {typeof(QubeProgram).Assembly.Location} --kernel {kernel} --memory 64 --cmdline hello --qmp {MonitorPath} --console {ConsolePath} --console-log {LogPath} {arguments}")
        {
            RedirectStandardError = true,
            RedirectStandardInput = true,
        })!;
        Monitor = MonitorClient.Open(MonitorPath);
    }

    /// <summary>Runs one that has to end with an error by itself.</summary>
    /// <returns>What it said.</returns>
    public static string Fail(string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", $"exec {typeof(QubeProgram).Assembly.Location} {arguments}") { RedirectStandardError = true, RedirectStandardInput = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(_patience))
        {
            process.Kill();
            Assert.Fail($"makatea-vmm {arguments} runs");
        }

        Assert.Equal(1, process.ExitCode);
        return errors.Result;
    }

    public MonitorClient Monitor { get; }

    public string MonitorPath => Path.Combine(_folder, "qmp");

    public string ConsolePath => Path.Combine(_folder, "console");

    public string Log => File.Exists(LogPath) ? ReadLog() : "";

    public long LogLength => new FileInfo(LogPath).Length;

    private string LogPath => Path.Combine(_folder, "log");

    /// <summary>Waits until there is a qube.</summary>
    public void AwaitQube() => Assert.True(SpinWait.SpinUntil(() => Monitor.Can("x-makatea-info"), _patience), "there is no qube");

    /// <summary>Waits until the console's log ends with something.</summary>
    public void AwaitLog(string text) => Assert.True(SpinWait.SpinUntil(() => Log.Contains(text, StringComparison.Ordinal), _patience), $"'{text}' is not in '{Log}'");

    /// <summary>Waits for its end.</summary>
    /// <returns>Its status and what it said of errors.</returns>
    public (int Status, string Errors) Finish()
    {
        string errors = _process.StandardError.ReadToEnd();
        Assert.True(_process.WaitForExit(_patience));
        return (_process.ExitCode, errors);
    }

    public void Dispose()
    {
        Monitor?.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string ReadLog()
    {
        using var reader = new StreamReader(new FileStream(LogPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }
}
