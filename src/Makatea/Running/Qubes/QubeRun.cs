using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Qemu;
using Makatea.Systems;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Running;

/// <summary>How a qube's process ended.</summary>
/// <param name="IsWell">It powered itself off, or was asked to end.</param>
/// <param name="Reason">Why, for users.</param>
internal sealed record QubeRunEnd(bool IsWell, string Reason);

/// <summary>A qube from its start to its end: a process of its VMM, and the VMM's monitor.</summary>
internal sealed class QubeRun : IDisposable
{
    private const int MonitorSlot = 3;
    private static readonly TimeSpan _startTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _quitTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _answerTime = TimeSpan.FromSeconds(10);
    private readonly QubeVmm _vmm;
    private readonly SandboxedProcess _process;
    private readonly QmpClient _monitor;
    private readonly string _log;
    private string? _shutdownReason;
    private volatile bool _isAskedToEnd;

    /// <summary>Starts the VMM.</summary>
    /// <param name="vmm">Which one.</param>
    /// <param name="qube">The qube.</param>
    /// <param name="paths">Its sockets.</param>
    /// <param name="log">What the VMM says of errors: where it is, and the file open.</param>
    /// <param name="onEvent">Told of the VMM's events.</param>
    /// <param name="restore">Path of a snapshot to go on from, or null to boot.</param>
    /// <exception cref="SandboxException">It could not be started.</exception>
    /// <exception cref="IOException">It has no snapshots.</exception>
    public QubeRun(QubeVmm vmm, QubeDescription qube, QubePaths paths, (string Path, SafeFileHandle File) log, Action<string, JsonNode?> onEvent, string? restore = null)
    {
        _vmm = vmm;
        _log = log.Path;
        MessageChannel channel = new LinuxHost().CreateChannel(out Grant peer);
        _monitor = new QmpClient(channel, qube.Name.Value);
        _monitor.Event += OnEvent;
        _monitor.Event += onEvent;
        try
        {
            using (peer)
            {
                var descriptors = new Dictionary<int, SafeHandle> { [1] = log.File, [2] = log.File, [MonitorSlot] = ((LinuxGrant)peer).Handle };
                _process = SandboxedProcess.Start(VmmSandbox.Apply(vmm.Program(qube, paths, MonitorSlot, restore), descriptors));
            }
        }
        catch
        {
            _monitor.Dispose();
            throw;
        }

        Ended = WatchAsync();
    }

    /// <summary>The VMM.</summary>
    public QubeVmm Vmm => _vmm;

    /// <summary>Its process.</summary>
    public int Pid => _process.Pid;

    /// <summary>Completes when it ended, whatever way.</summary>
    public Task<QubeRunEnd> Ended { get; }

    /// <summary>Waits until its processors run.</summary>
    /// <exception cref="IOException">It ended at once; the message says why.</exception>
    public async Task ConnectAsync()
    {
        using var timeout = new CancellationTokenSource(_startTime);
        try
        {
            await _monitor.ConnectAsync(timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw new IOException($"{_vmm.Title} did not answer within {_startTime.TotalSeconds} s");
        }
        catch (IOException) when (_process.WaitForExit(TimeSpan.FromSeconds(2)))
        {
            throw new IOException(LastWords($"{_vmm.Title} ended with {_process.WaitForExit()}"));
        }
    }

    /// <summary>Has the VMM do something.</summary>
    /// <exception cref="IOException">It ended, refused or did not answer.</exception>
    /// <param name="ask">Does it.</param>
    /// <param name="patience">How long it may take; null for what takes no time.</param>
    public async Task<T> AskAsync<T>(Func<QmpClient, CancellationToken, Task<T>> ask, TimeSpan? patience = null)
    {
        using var timeout = new CancellationTokenSource(patience ?? _answerTime);
        try
        {
            return await ask(_monitor, timeout.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            throw new IOException(Ended.IsCompleted ? "it has ended" : $"{_vmm.Title} did not answer within {(patience ?? _answerTime).TotalSeconds} s", e);
        }
    }

    /// <summary>Presses the power button, and pulls the plug where that is not heard in time. A qube that is paused goes on first, as it would not hear anything.</summary>
    /// <param name="patience">How long to wait for the guest.</param>
    /// <param name="hurry">Cancelled where the user will not wait.</param>
    /// <param name="tell">Told what is done about a guest that does not end.</param>
    public async Task StopAsync(TimeSpan patience, CancellationToken hurry, Action<string> tell)
    {
        _isAskedToEnd = true;
        if (!hurry.IsCancellationRequested && await TryExecuteAsync("cont").ConfigureAwait(false) && await TryExecuteAsync("system_powerdown").ConfigureAwait(false))
        {
            await WaitAsync(patience, hurry).ConfigureAwait(false);
        }

        if (!Ended.IsCompleted)
        {
            tell(hurry.IsCancellationRequested ? "pulling the plug" : $"did not power down within {patience.TotalSeconds:0} s; pulling the plug");
            await TryExecuteAsync("quit").ConfigureAwait(false);
            await WaitAsync(_quitTime, CancellationToken.None).ConfigureAwait(false);
        }

        _process.Kill();
        await Ended.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.Dispose();
        _monitor.Dispose();
    }

    private async Task WaitAsync(TimeSpan patience, CancellationToken hurry) =>
        await Task.WhenAny(Ended, Task.Delay(patience, hurry)).ConfigureAwait(false);

    private async Task<bool> TryExecuteAsync(string command)
    {
        try
        {
            await _monitor.ExecuteAsync(command).WaitAsync(_quitTime).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or TimeoutException)
        {
            return false;
        }
    }

    private void OnEvent(string name, JsonNode? data)
    {
        if (name == "SHUTDOWN")
        {
            _shutdownReason = data?["reason"]?.ToString();
        }
    }

    private async Task<QubeRunEnd> WatchAsync()
    {
        ProcessExit exit = await _process.Exited.ConfigureAwait(false);
        await _monitor.Ended.ConfigureAwait(false); // so that its last event was heard
        bool isWell = exit.Code == 0 && (_isAskedToEnd || _shutdownReason is "guest-shutdown" or null);
        return new(isWell, isWell ? (_isAskedToEnd ? "stopped" : "powered itself off") : LastWords($"{_vmm.Title} ended with {exit}"));
    }

    /// <summary>What it said last, where it said something.</summary>
    private string LastWords(string what)
    {
        string? last = File.ReadLines(_log).LastOrDefault(l => l.Length != 0);
        return last is null ? what : $"{what}: {last}";
    }
}
