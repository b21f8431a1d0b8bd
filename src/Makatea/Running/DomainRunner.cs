using System.Runtime.InteropServices;
using Makatea.Cli;
using Makatea.Domains.Manager;
using Makatea.Domains.Net;
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
    private static readonly TimeSpan _changeTime = TimeSpan.FromSeconds(5);
    private readonly DomainDescription _domain;
    private readonly GrantTable _grants;
    private readonly IReadOnlyList<(string Name, DomainFunction Function)> _functions;
    private readonly IReadOnlyList<ManifestDevice> _devices;
    private readonly NetDomainState? _net;
    private readonly RunEvents _events;
    private readonly RestartPolicy _policy = new(TimeProvider.System);
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stopping = new();
    private readonly SafeFileHandle _log;
    private readonly Lock _lock = new();
    private readonly Lock _changing = new();
    private readonly ComponentRequests _requests = new();
    private readonly Dictionary<string, DiskCounters> _ended = [];
    private readonly Dictionary<string, PortCounters> _endedPorts = [];
    private DomainStatus _status;
    private ControlChannel? _control;
    private Task _supervision = Task.CompletedTask;

    /// <summary>Makes the runner.</summary>
    /// <param name="domain">The domain.</param>
    /// <param name="grants">What its component is given; disposed with this.</param>
    /// <param name="devices">What it serves.</param>
    /// <param name="log">Path of its log.</param>
    /// <param name="events">Where to tell what happens.</param>
    /// <param name="net">What a net domain serves, in the place of <paramref name="devices"/>.</param>
    public DomainRunner(DomainDescription domain, GrantTable grants, IReadOnlyList<ManifestDevice> devices, string log, RunEvents events, NetDomainState? net = null)
    {
        _net = net;
        _domain = domain;
        _grants = grants;
        _functions = grants.Functions;
        _devices = devices;
        _events = events;
        _log = LogFile.Open(log);
        _status = new DomainStatus(domain.Name.Value, domain.Kind, PartState.Waiting, null, null, 0, log, [], [], [], []);
    }

    /// <summary>Raised when its component died, on any thread: what it was connected to is to be connected anew.</summary>
    public event Action? Died;

    /// <summary>How it is.</summary>
    public DomainStatus Status
    {
        get
        {
            DomainStatus status = Volatile.Read(ref _status);
            return status with { Controllers = [.. _functions.Select(f => ControllerStatus.Of(f.Name, f.Function.Protection, status.Metrics) with { Kind = f.Function.Noun })] };
        }
    }

    /// <summary>Its name.</summary>
    public string Name => _domain.Name.Value;

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

    /// <summary>What a port of a net domain counted since the start of the system.</summary>
    public PortCounters PortCountersOf(string port)
    {
        lock (_lock)
        {
            return _endedPorts.GetValueOrDefault(port, PortCounters.Zero) + PortCounters.Of(_status.Metrics, port);
        }
    }

    /// <summary>Changes a client of a net domain, for this component and those that come after it.</summary>
    /// <param name="change">The client as it is to be, of how it is.</param>
    /// <param name="message">The message that tells the component, of the request's number and the client.</param>
    /// <param name="client">Name of the client.</param>
    /// <returns>The client as it is now.</returns>
    /// <exception cref="CommandException">The component refused, or did not answer; it is as before.</exception>
    public async Task<ClientOptions> ChangeAsync(string client, Func<ClientOptions, ClientOptions> change, Func<long, ClientOptions, ControlMessage> message)
    {
        ClientOptions before;
        ClientOptions after;
        Task<string?> answer;
        long id;
        lock (_changing)
        {
            before = _net!.ClientOf(client);
            after = change(before);
            _net.Change(after);
            if (Volatile.Read(ref _control) is null)
            {
                return after; // The next component finds it in its manifest.
            }

            id = _requests.Begin(out answer);
            TrySend(message(id, after));
        }

        try
        {
            if (await answer.WaitAsync(_changeTime).ConfigureAwait(false) is not { } error)
            {
                return after;
            }

            _net.Change(before);
            throw new CommandException($"{Part} refused: {error}");
        }
        catch (IOException)
        {
            return after; // As above.
        }
        catch (TimeoutException e)
        {
            _net.Change(before);
            throw new CommandException($"{Part} did not answer within {_changeTime.TotalSeconds:0} s; see its log, {_status.Log}", inner: e);
        }
        finally
        {
            _requests.Forget(id);
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
                Died?.Invoke();
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
            lock (_changing)
            {
                // First of all: others send as soon as they see the channel.
                IReadOnlyList<ManifestDevice> devices = _net?.Devices ?? _devices;
                control.Send(new StartMessage(new ComponentManifest { Name = _domain.Name.Value, Kind = _domain.Kind, Grants = _grants.Grants, Devices = devices }, IsRestart: _policy.TotalCrashes > 0));
                Volatile.Write(ref _control, control);
            }

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
                        _events.Add(Part, $"serves {(_net is null ? Phrase.Count(_devices.Count, "disk") : Phrase.Count(_net.Original.Clients.Count, "client"))}, process {process.Pid}, {_status.Sandbox.Count} of {_status.Sandbox.Count + _status.SandboxMissing.Count} sandbox layers");
                        ready.Notices.ToList().ForEach(n => _events.Add(Part, n));
                        _ready.TrySetResult();
                        break;
                    case MetricsMessage metrics:
                        Set(s => s with { Metrics = metrics.Samples });
                        _grants.Observe(metrics.Samples);
                        break;
                    case ChangedMessage changed when _requests.End(changed):
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
            _requests.Fail();
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

            foreach (string port in PortCounters.PortsOf(_status.Metrics))
            {
                _endedPorts[port] = _endedPorts.GetValueOrDefault(port, PortCounters.Zero) + (PortCounters.Of(_status.Metrics, port) with { Connections = 0 });
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
