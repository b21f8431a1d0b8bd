using System.Runtime.InteropServices;
using Makatea.Cli;
using Makatea.Domains.Manager;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Systems;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Running;

/// <summary>
/// Runs one domain: starts its component, tells it what it serves, starts it again when it dies, stops it. The manager keeps what it granted, so guests that were
/// connected connect anew and go on.
/// </summary>
internal sealed class DomainRunner : IDisposable
{
    private static readonly TimeSpan _stopTime = TimeSpan.FromSeconds(10);
    private readonly DomainDescription _domain;
    private readonly GrantTable _grants;
    private readonly IReadOnlyList<(string Name, DomainFunction Function)> _functions;
    private readonly IReadOnlyList<ManifestDevice> _devices;
    private readonly RunEvents _events;
    private readonly RestartPolicy _policy = new(TimeProvider.System);
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stopping = new();
    private readonly SafeFileHandle _log;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, DiskCounters> _ended = [];
    private DomainStatus _status;
    private ControlChannel? _control;
    private Task _supervision = Task.CompletedTask;

    /// <summary>Makes the runner.</summary>
    /// <param name="domain">The domain.</param>
    /// <param name="grants">What its component is given; disposed with this.</param>
    /// <param name="devices">What it serves.</param>
    /// <param name="log">Path of its log.</param>
    /// <param name="events">Where to tell what happens.</param>
    public DomainRunner(DomainDescription domain, GrantTable grants, IReadOnlyList<ManifestDevice> devices, string log, RunEvents events)
    {
        _domain = domain;
        _grants = grants;
        _functions = grants.Functions;
        _devices = devices;
        _events = events;
        _log = LogFile.Open(log);
        _status = new DomainStatus(domain.Name.Value, domain.Kind, PartState.Waiting, null, null, 0, log, [], [], [], []);
    }

    /// <summary>How it is.</summary>
    public DomainStatus Status
    {
        get
        {
            DomainStatus status = Volatile.Read(ref _status);
            return status with { Controllers = [.. _functions.Select(f => ControllerStatus.Of(f.Name, f.Function.Protection, status.Metrics))] };
        }
    }

    private string Part => $"domain {_domain.Name.Value}";

    /// <summary>Starts it.</summary>
    /// <returns>Completes when it serves; fails where it cannot.</returns>
    public Task StartAsync()
    {
        _supervision = Task.Run(SuperviseAsync);
        return _ready.Task;
    }

    /// <summary>Asks for new metrics; they show in <see cref="Status"/> when they came.</summary>
    public void RequestMetrics() => TrySend(new MetricsRequestMessage());

    /// <summary>What a device of it counted since the start of the system.</summary>
    public DiskCounters CountersOf(string device)
    {
        lock (_lock)
        {
            return _ended.GetValueOrDefault(device, DiskCounters.Zero) + DiskCounters.Of(_status.Metrics, device);
        }
    }

    /// <summary>Stops it: politely, and at once where it does not hear; and gives its devices back.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        TrySend(new StopMessage());
        await _supervision.ConfigureAwait(false);
        _grants.GiveBack();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _grants.Dispose();
        _log.Dispose();
        _stopping.Dispose();
    }

    private async Task SuperviseAsync()
    {
        try
        {
            while (!_stopping.IsCancellationRequested)
            {
                string reason = await RunOnceAsync().ConfigureAwait(false);
                if (_stopping.IsCancellationRequested)
                {
                    break;
                }

                if (!_ready.Task.IsCompletedSuccessfully)
                {
                    Set(s => s with { State = PartState.Failed, Reason = reason, Pid = null });
                    throw new CommandException($"domain '{_domain.Name.Value}' did not start: {reason}; its log is {_status.Log}");
                }

                TimeSpan delay = _policy.OnDied();
                KeepCounters();
                Set(s => s with { State = PartState.Restarting, Reason = reason, Pid = null, Restarts = _policy.TotalCrashes, Metrics = [] });
                _events.Add(Part, $"{reason}; starting it again{(delay == TimeSpan.Zero ? "" : $" in {delay.TotalSeconds:0.#} s")}");
                await Task.Delay(delay, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            Set(s => s with { State = PartState.Stopped, Pid = null });
            _ready.TrySetCanceled();
        }
        catch (Exception e) when (e is CommandException or SandboxException or IOException)
        {
            Set(s => s with { State = PartState.Failed, Reason = e.Message, Pid = null });
            _events.Add(Part, e.Message);
            _ready.TrySetException(e);
        }
    }

    /// <summary>Runs the component from start to end.</summary>
    /// <returns>Why it ended.</returns>
    private async Task<string> RunOnceAsync()
    {
        Set(s => s with { State = PartState.Starting });
        MessageChannel channel = new LinuxHost().CreateChannel(out Grant peer);
        SandboxedProcess process;
        using (peer)
        {
            process = StartProcess(((LinuxGrant)peer).Handle);
        }

        using (process)
        {
            using var control = new ControlChannel(channel, _domain.Name.Value);
            Set(s => s with { Pid = process.Pid, Sandbox = Names(process, active: true), SandboxMissing = Names(process, active: false) });
            _policy.OnStarted();
            string? reason = await ConverseAsync(control, process).ConfigureAwait(false);
            if (!process.WaitForExit(TimeSpan.Zero))
            {
                await Task.WhenAny(process.Exited, Task.Delay(_stopTime)).ConfigureAwait(false);
                process.Kill();
            }

            ProcessExit exit = await process.Exited.ConfigureAwait(false);
            return reason ?? $"it ended with {exit}";
        }
    }

    private SandboxedProcess StartProcess(SafeHandle control)
    {
        try
        {
            var descriptors = new Dictionary<int, SafeHandle>(_grants.Open())
            {
                [1] = _log,
                [2] = _log,
                [GrantTable.ControlSlot] = control,
            };
            return SandboxedProcess.Start(ComponentSandbox.Options(_domain, descriptors));
        }
        finally
        {
            _grants.Release();
        }
    }

    /// <summary>Tells the component what it is and hears it until it ends.</summary>
    /// <returns>Why it cannot go on, where it said so.</returns>
    private async Task<string?> ConverseAsync(ControlChannel control, SandboxedProcess process)
    {
        try
        {
            // First of all: others send as soon as they see the channel.
            control.Send(new StartMessage(new ComponentManifest { Name = _domain.Name.Value, Kind = _domain.Kind, Grants = _grants.Grants, Devices = _devices }, IsRestart: _policy.TotalCrashes > 0));
            Volatile.Write(ref _control, control);
            if (_stopping.IsCancellationRequested)
            {
                control.Send(new StopMessage());
            }

            while (await control.ReceiveAsync().ConfigureAwait(false) is { } message)
            {
                switch (message)
                {
                    case ReadyMessage ready:
                        Set(s => s with { State = PartState.Running, Reason = null, Notices = ready.Notices });
                        _events.Add(Part, $"serves {Phrase.Count(_devices.Count, "disk")}, process {process.Pid}, {_status.Sandbox.Count} of {_status.Sandbox.Count + _status.SandboxMissing.Count} sandbox layers");
                        ready.Notices.ToList().ForEach(n => _events.Add(Part, n));
                        _ready.TrySetResult();
                        break;
                    case MetricsMessage metrics:
                        Set(s => s with { Metrics = metrics.Samples });
                        _grants.Observe(metrics.Samples);
                        break;
                    case FailedMessage failed:
                        return failed.Reason;
                    default:
                        process.Kill();
                        return $"it sent {message.GetType().Name}, which components do not send";
                }
            }

            return null;
        }
        catch (IOException e) when (!process.WaitForExit(TimeSpan.FromMilliseconds(500)))
        {
            process.Kill();
            return $"its control channel failed: {e.Message}";
        }
        catch (IOException)
        {
            return null;
        }
        finally
        {
            Volatile.Write(ref _control, null);
        }
    }

    private void TrySend(ControlMessage message)
    {
        try
        {
            Volatile.Read(ref _control)?.Send(message);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // It is ending; its supervision hears of that.
        }
    }

    private void KeepCounters()
    {
        lock (_lock)
        {
            foreach (ManifestDevice device in _devices)
            {
                _ended[device.Name] = _ended.GetValueOrDefault(device.Name, DiskCounters.Zero) + DiskCounters.Of(_status.Metrics, device.Name);
            }

            _status = _status with { Metrics = [] };
        }
    }

    private void Set(Func<DomainStatus, DomainStatus> change)
    {
        lock (_lock)
        {
            _status = change(_status);
        }
    }

    private static List<string> Names(SandboxedProcess process, bool active) =>
        [.. process.Report.Protections.Where(p => p.IsActive == active).Select(p => active ? p.Layer.ToString() : $"{p.Layer}: {p.Detail}")];
}
