using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Qemu;
using Makatea.Systems;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Running;

/// <summary>Runs one qube in QEMU: starts it, watches it, powers it down.</summary>
internal sealed class QubeRunner : IDisposable
{
    private const int MonitorSlot = 3;
    private static readonly TimeSpan _startTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _quitTime = TimeSpan.FromSeconds(5);
    private readonly QubeDescription _qube;
    private readonly QemuPaths _paths;
    private readonly RunEvents _events;
    private readonly Lock _lock = new();
    private readonly SafeFileHandle _log;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private QubeStatus _status;
    private SandboxedProcess? _process;
    private QmpClient? _monitor;
    private string? _shutdownReason;
    private volatile bool _isAskedToEnd;

    /// <summary>Makes the runner.</summary>
    public QubeRunner(QubeDescription qube, QemuPaths paths, string log, RunEvents events)
    {
        _qube = qube;
        _paths = paths;
        _events = events;
        _log = LogFile.Open(log);
        _status = new QubeStatus(qube.Name.Value, qube.Label, PartState.Waiting, null, null, qube.Memory, qube.Cores, paths.Console, paths.ConsoleLog, log, []);
    }

    /// <summary>How it is, without its disks.</summary>
    public QubeStatus Status => Volatile.Read(ref _status);

    /// <summary>The qube.</summary>
    public QubeDescription Qube => _qube;

    /// <summary>Completes when it ended, whatever way.</summary>
    public Task Ended => _ended.Task;

    private string Part => $"qube {_qube.Name.Value}";

    /// <summary>Starts it.</summary>
    /// <returns>Completes when its processors run.</returns>
    /// <exception cref="SandboxException">QEMU could not be started.</exception>
    /// <exception cref="IOException">QEMU ended at once.</exception>
    public async Task StartAsync(string qemu, Accelerator accelerator)
    {
        Set(s => s with { State = PartState.Starting });
        MessageChannel channel = new LinuxHost().CreateChannel(out Grant peer);
        _monitor = new QmpClient(channel, _qube.Name.Value);
        _monitor.Event += OnEvent;
        using (peer)
        {
            var descriptors = new Dictionary<int, SafeHandle> { [1] = _log, [2] = _log, [MonitorSlot] = ((LinuxGrant)peer).Handle };
            _process = SandboxedProcess.Start(QemuSandbox.Options(qemu, QemuCommandLine.Build(_qube, accelerator, _paths, MonitorSlot), descriptors));
        }

        Set(s => s with { Pid = _process.Pid });
        _ = WatchAsync(_process);
        using var timeout = new CancellationTokenSource(_startTime);
        try
        {
            await _monitor.ConnectAsync(timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw new IOException($"QEMU did not answer within {_startTime.TotalSeconds} s");
        }
        catch (IOException) when (_process.WaitForExit(TimeSpan.FromSeconds(2)))
        {
            throw new IOException(LastWords($"QEMU ended with {_process.WaitForExit()}"));
        }

        Set(s => s.State == PartState.Starting ? s with { State = PartState.Running } : s);
        _events.Add(Part, $"runs, process {_process.Pid}, console in {_paths.ConsoleLog}");
    }

    /// <summary>Presses the power button, and pulls the plug where that is not heard in time.</summary>
    /// <param name="patience">How long to wait for the guest.</param>
    /// <param name="hurry">Cancelled where the user will not wait.</param>
    public async Task StopAsync(TimeSpan patience, CancellationToken hurry)
    {
        _isAskedToEnd = true;
        if (_process is null || _monitor is null || _ended.Task.IsCompleted)
        {
            return;
        }

        Set(s => s with { State = PartState.Stopping });
        if (!hurry.IsCancellationRequested && await TryExecuteAsync("system_powerdown").ConfigureAwait(false))
        {
            await WaitAsync(patience, hurry).ConfigureAwait(false);
        }

        if (!_ended.Task.IsCompleted)
        {
            _events.Add(Part, hurry.IsCancellationRequested ? "pulling the plug" : $"did not power down within {patience.TotalSeconds:0} s; pulling the plug");
            await TryExecuteAsync("quit").ConfigureAwait(false);
            await WaitAsync(_quitTime, CancellationToken.None).ConfigureAwait(false);
        }

        _process.Kill();
        await _ended.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process?.Dispose();
        _monitor?.Dispose();
        _log.Dispose();
    }

    private async Task WaitAsync(TimeSpan patience, CancellationToken hurry) =>
        await Task.WhenAny(_ended.Task, Task.Delay(patience, hurry)).ConfigureAwait(false);

    private async Task<bool> TryExecuteAsync(string command)
    {
        try
        {
            await _monitor!.ExecuteAsync(command).WaitAsync(_quitTime).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or TimeoutException)
        {
            return false;
        }
    }

    private void OnEvent(string name, JsonNode? data)
    {
        switch (name)
        {
            case "SHUTDOWN":
                _shutdownReason = data?["reason"]?.ToString();
                break;
            case "RESET" when (data?["guest"])?.ToString() == "true":
                _events.Add(Part, "restarts");
                break;
            case "GUEST_PANICKED":
                _events.Add(Part, "its kernel panicked");
                break;
        }
    }

    private async Task WatchAsync(SandboxedProcess process)
    {
        ProcessExit exit = await process.Exited.ConfigureAwait(false);
        await _monitor!.Ended.ConfigureAwait(false); // so that its last event was heard
        bool isWell = exit.Code == 0 && (_isAskedToEnd || _shutdownReason is "guest-shutdown" or null);
        string reason = isWell ? (_isAskedToEnd ? "stopped" : "powered itself off") : LastWords($"QEMU ended with {exit}");
        Set(s => s with { State = isWell ? PartState.Stopped : PartState.Failed, Reason = reason, Pid = null });
        _events.Add(Part, reason);
        _ended.TrySetResult();
    }

    /// <summary>What QEMU said last, where it said something.</summary>
    private string LastWords(string what)
    {
        string? last = File.ReadLines(_status.Log).LastOrDefault(l => l.Length != 0);
        return last is null ? what : $"{what}: {last}";
    }

    private void Set(Func<QubeStatus, QubeStatus> change)
    {
        lock (_lock)
        {
            _status = change(_status);
        }
    }
}
