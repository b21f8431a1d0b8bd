using System.Text.Json.Nodes;
using Makatea.Cli;
using Makatea.Platform.Linux;
using Makatea.Systems;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Running;

/// <summary>One qube of a system, which may run, end, and run again: starts it, watches it, powers it down.</summary>
internal sealed class QubeRunner : IDisposable
{
    private static readonly TimeSpan _endTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _snapshotTime = TimeSpan.FromMinutes(10);
    private readonly QubeDescription _qube;
    private readonly QubePaths _paths;
    private readonly RunEvents _events;
    private readonly Lock _lock = new();
    private readonly SafeFileHandle _log;
    private QubeStatus _status;
    private QubeRun? _run;
    private Task _watch = Task.CompletedTask;
    private bool _isKept;

    /// <summary>Makes the runner.</summary>
    public QubeRunner(QubeDescription qube, QubePaths paths, string log, RunEvents events)
    {
        _qube = qube;
        _paths = paths;
        _events = events;
        _log = LogFile.Open(log);
        _status = new QubeStatus(qube.Name.Value, qube.Label, PartState.Waiting, null, null, qube.Memory, qube.Cores, paths.Console, paths.ConsoleLog, log, []);
    }

    /// <summary>Raised when it ended, on any thread.</summary>
    public event Action? Ended;

    /// <summary>How it is, without its disks.</summary>
    public QubeStatus Status => Volatile.Read(ref _status);

    /// <summary>The qube.</summary>
    public QubeDescription Qube => _qube;

    /// <summary>It ended by itself: nobody stopped it who may want to start it again.</summary>
    public bool IsOver => Status.State is PartState.Stopped or PartState.Failed && !Volatile.Read(ref _isKept);

    private string Part => $"qube {_qube.Name.Value}";

    /// <summary>Starts it.</summary>
    /// <param name="vmm">What it runs in.</param>
    /// <param name="restore">Path of a snapshot to go on from, or null to boot.</param>
    /// <returns>Completes when its processors run.</returns>
    /// <exception cref="CommandException">It runs already.</exception>
    /// <exception cref="SandboxException">Its VMM could not be started.</exception>
    /// <exception cref="IOException">Its VMM ended at once.</exception>
    public async Task StartAsync(QubeVmm vmm, string? restore = null)
    {
        QubeRun run = Begin(vmm, restore);
        await run.ConnectAsync().ConfigureAwait(false);
        Set(s => s.State == PartState.Starting ? s with { State = PartState.Running } : s);
        _events.Add(Part, $"runs in {vmm.Title}, process {run.Pid}, console in {_paths.ConsoleLog}");
    }

    /// <summary>Powers it down, where it runs.</summary>
    /// <param name="patience">How long to wait for the guest.</param>
    /// <param name="hurry">Cancelled where the user will not wait.</param>
    /// <param name="keep">It may be started again: the system goes on without it.</param>
    public async Task StopAsync(TimeSpan patience, CancellationToken hurry, bool keep = false)
    {
        QubeRun? run;
        Task watch;
        lock (_lock)
        {
            (run, watch) = (_run, _watch);
            Volatile.Write(ref _isKept, keep);
        }

        if (run is { Ended.IsCompleted: false })
        {
            Set(s => s with { State = PartState.Stopping });
            await run.StopAsync(patience, hurry, text => _events.Add(Part, text)).ConfigureAwait(false);
            await watch.ConfigureAwait(false);
        }
    }

    /// <summary>Stands it still, or lets it go on.</summary>
    /// <exception cref="IOException">Its VMM refused.</exception>
    public async Task SetPausedAsync(bool isPaused)
    {
        await Running().AskAsync((monitor, timeout) => monitor.ExecuteAsync(isPaused ? "stop" : "cont", timeout)).ConfigureAwait(false);

        // The event may come behind the answer.
        Set(s => s.State is PartState.Running or PartState.Paused ? s with { State = isPaused ? PartState.Paused : PartState.Running } : s);
    }

    /// <summary>Writes all of it but its disks into a file.</summary>
    /// <exception cref="IOException">Its VMM refused.</exception>
    public Task SnapshotAsync(string file)
    {
        QubeRun run = Running();
        return run.AskAsync(
            async (monitor, timeout) =>
            {
                await run.Vmm.SnapshotAsync(monitor, file, timeout).ConfigureAwait(false);
                return true;
            },
            _snapshotTime);
    }

    /// <summary>What its VMM says of it; null where none runs.</summary>
    /// <exception cref="IOException">Its VMM refused.</exception>
    public async Task<QubeMachine?> InfoAsync()
    {
        QubeRun? run = Volatile.Read(ref _run);
        if (run is not { Ended.IsCompleted: false } || Status.State == PartState.Starting)
        {
            return null;
        }

        try
        {
            return await run.AskAsync(run.Vmm.InfoAsync).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // Its end comes, or came, behind that of its monitor.
            if (await Task.WhenAny(_watch, Task.Delay(_endTime)).ConfigureAwait(false) != _watch)
            {
                throw;
            }

            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _run?.Dispose();
        _log.Dispose();
    }

    private QubeRun Running() => Volatile.Read(ref _run) is { Ended.IsCompleted: false } run ? run : throw new IOException("it has ended");

    private QubeRun Begin(QubeVmm vmm, string? restore)
    {
        lock (_lock)
        {
            if (_status.State is not (PartState.Waiting or PartState.Stopped or PartState.Failed))
            {
                throw new CommandException($"{Part} is {_status.State.ToString().ToLowerInvariant()} already");
            }

            _run?.Dispose();
            _run = null;
            _isKept = false;
            _status = _status with { State = PartState.Starting, Reason = null, Vmm = vmm.Kind };
            try
            {
                _run = new QubeRun(vmm, _qube, _paths, (_status.Log, _log), OnEvent, restore);
            }
            catch (Exception e)
            {
                _status = _status with { State = PartState.Failed, Reason = e.Message };
                throw;
            }

            _status = _status with { Pid = _run.Pid };
            _watch = WatchAsync(_run);
            return _run;
        }
    }

    private void OnEvent(string name, JsonNode? data)
    {
        switch (name)
        {
            case "STOP":
                Set(s => s.State == PartState.Running ? s with { State = PartState.Paused } : s);
                break;
            case "RESUME":
                Set(s => s.State == PartState.Paused ? s with { State = PartState.Running } : s);
                break;
            case "RESET" when (data?["guest"])?.ToString() == "true":
                _events.Add(Part, "restarts");
                break;
            case "GUEST_PANICKED":
                _events.Add(Part, "its kernel panicked");
                break;
        }
    }

    private async Task WatchAsync(QubeRun run)
    {
        QubeRunEnd end = await run.Ended.ConfigureAwait(false);
        Set(s => s with { State = end.IsWell ? PartState.Stopped : PartState.Failed, Reason = end.Reason, Pid = null });
        _events.Add(Part, end.Reason);
        Ended?.Invoke();
    }

    private void Set(Func<QubeStatus, QubeStatus> change)
    {
        lock (_lock)
        {
            _status = change(_status);
        }
    }
}
