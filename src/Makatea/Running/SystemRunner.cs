using Makatea.Cli;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Qemu;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>Runs a system: its domains, then its qubes; and stops it, the other way round.</summary>
internal sealed class SystemRunner : IDisposable
{
    private static readonly TimeSpan _metricsInterval = TimeSpan.FromSeconds(1);
    private readonly RunOptions _options;
    private readonly StateDirectory _state;
    private readonly RunEvents _events;
    private readonly List<DomainRunner> _domains = [];
    private readonly Dictionary<string, NetDomainState> _nets = new(StringComparer.Ordinal);
    private readonly List<(string NetVm, NetUplink Uplink)> _uplinks = [];
    private readonly List<QubeRunner> _qubes = [];
    private readonly DateTimeOffset _startedAt = DateTimeOffset.Now;
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Accelerator? _accelerator;
    private volatile bool _isUp;
    private VmmChoice? _vmms;

    /// <summary>Opens all that the system needs: files, sockets, logs.</summary>
    /// <exception cref="IOException">Something cannot be opened.</exception>
    public SystemRunner(RunOptions options, StateDirectory state, RunEvents events)
    {
        _options = options;
        _state = state;
        _events = events;
        try
        {
            foreach (DomainDescription domain in options.System.Domains)
            {
                _domains.Add(MakeDomain(domain));
            }

            foreach ((string netVm, NetUplink uplink) in _uplinks)
            {
                Find(netVm).Died += uplink.Renew;
            }

            Net = new NetControl(_nets, Find);
            Qubes = new QubeControl(_qubes, StartAsync, options.StopTime, qube => Status.Qubes.First(q => q.Name == qube));

            foreach (QubeDescription qube in options.System.Qubes)
            {
                string name = qube.Name.Value;
                var paths = new QubePaths(state.ConsoleSocket(name), state.Log($"{name}.console"), [.. qube.Disks.Select(d => state.DiskSocket(name, d.Name.Value))], qube.NetVm is null ? null : state.NetSocket(name));
                var runner = new QubeRunner(qube, paths, state.Log(name), events);
                runner.Ended += EndWhenAllIsOver;
                _qubes.Add(runner);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How everything is.</summary>
    public SystemStatus Status => new(
        _options.System.Name.Value, Path.GetFullPath(_options.File), Environment.ProcessId, _startedAt, _accelerator?.Name ?? "",
        [.. _domains.Select(StatusOf)], [.. _qubes.Select(q => q.Status with { Disks = [.. q.Qube.Disks.Select(d => StatusOf(q.Qube, d))], Net = Net!.StatusOf(q.Qube.Name.Value) })])
    {
        IsUp = _isUp,
    };

    /// <summary>Changes of firewalls and links while the system runs.</summary>
    public NetControl? Net { get; }

    /// <summary>Starts and stops of qubes while the system runs.</summary>
    public QubeControl? Qubes { get; }

    /// <summary>Runs until all qubes ended of their own will or <paramref name="stop"/>, and stops what is left.</summary>
    /// <param name="stop">Ends it politely.</param>
    /// <param name="hurry">Ends it at once.</param>
    /// <returns>Whether everything ended well.</returns>
    /// <exception cref="CommandException">Something did not start; then all is stopped.</exception>
    public async Task<bool> RunAsync(CancellationToken stop, CancellationToken hurry)
    {
        using var metrics = new Timer(_ => _domains.ForEach(d => d.RequestMetrics()), null, _metricsInterval, _metricsInterval);
        try
        {
            await StartAsync(stop).ConfigureAwait(false);
            _isUp = true;
            await Task.WhenAny(_over.Task, Task.Delay(Timeout.Infinite, stop)).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The user did not wait for the start.
        }
        finally
        {
            await StopAsync(hurry).ConfigureAwait(false);
        }

        return Status.Qubes.All(q => q.State != PartState.Failed);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _qubes.ForEach(q => q.Dispose());
        _domains.ForEach(d => d.Dispose());
    }

    private DomainRunner Find(string domain) => _domains.First(d => d.Name == domain);

    private DomainRunner MakeDomain(DomainDescription domain)
    {
        var grants = new GrantTable();
        try
        {
            if (domain.IsNet)
            {
                return MakeNet(domain, grants);
            }

            string? controller = AddController(domain, grants);
            List<ManifestDevice> devices = [];
            foreach (QubeDescription qube in _options.System.Qubes)
            {
                devices.AddRange(qube.Disks.Where(d => d.Domain!.Value.Value == domain.Name.Value)
                    .Select(d => DiskManifest.Build(qube, d, domain, grants, controller, _state.DiskSocket(qube.Name.Value, d.Name.Value))));
            }

            return new DomainRunner(domain, grants, devices, _state.Log(domain.Name.Value), _events);
        }
        catch
        {
            grants.Dispose();
            throw;
        }
    }

    private DomainRunner MakeNet(DomainDescription domain, GrantTable grants)
    {
        try
        {
            AddUplink(domain, grants);
            var state = new NetDomainState(NetManifest.Build(_options.System, domain, grants, NetManifest.Uplink(_options.System, domain), _state.NetSocket));
            _nets.Add(domain.Name.Value, state);
            return new DomainRunner(domain, grants, [], _state.Log(domain.Name.Value), _events, state);
        }
        catch (IOException e)
        {
            throw new CommandException($"domain '{domain.Name.Value}': {e.Message}", inner: e);
        }
    }

    private void AddUplink(DomainDescription domain, GrantTable grants)
    {
        UplinkDescription uplink = domain.Uplink!.Value.Value;
        if (uplink.Tap is { } tap)
        {
            grants.AddPort(NetManifest.UplinkGrant, TapPort.OpenDescriptors(tap.Value));
        }
        else if (uplink.Interface is { } name)
        {
            grants.AddPort(NetManifest.UplinkGrant, PacketPort.OpenDescriptors(name.Value));
        }
        else if (uplink.NetVm is { } netVm)
        {
            var toOther = new NetUplink(_state.NetSocket(domain.Name.Value));
            grants.AddRenewed(NetManifest.UplinkGrant, toOther);
            _uplinks.Add((netVm.Value, toOther));
        }
        else if (uplink.IsEmulated)
        {
            string wire = uplink.Wire?.Value ?? UplinkDescription.UserNetwork;
            NetDescriptors? wired = wire.StartsWith(UplinkDescription.TapPrefix, StringComparison.Ordinal) ? grants.Own(TapPort.OpenDescriptors(wire[UplinkDescription.TapPrefix.Length..])) : null;
            grants.AddFunction(NetManifest.UplinkGrant, new EmulatedAdapter(wire, wired?.Device, domain.Addresses!.Mac, _options.Qemu, NoticeOf(domain)));
        }
        else
        {
            (PciAddress address, DomainFunction function) = Claim(domain, uplink.E1000!.Value, ControllerKind.Adapter);
            grants.AddFunction(address.ToString(), function);
        }
    }

    /// <returns>Option value that refers to the domain's NVMe controller, if it has one.</returns>
    private string? AddController(DomainDescription domain, GrantTable grants)
    {
        if (domain.Nvme is not { } nvme)
        {
            return null;
        }

        if (domain.IsEmulated)
        {
            return grants.AddFunction("nvme", new EmulatedNvme([.. domain.Namespaces.Select(n => grants.OpenFile(n.Value))], _options.Qemu, NoticeOf(domain)));
        }

        (PciAddress address, DomainFunction function) = Claim(domain, nvme, ControllerKind.Nvme);
        return grants.AddFunction(address.ToString(), function);
    }

    /// <summary>Looks whether a domain can have a controller of this machine.</summary>
    private (PciAddress Address, DomainFunction Function) Claim(DomainDescription domain, Located<string> written, ControllerKind kind)
    {
        if (!PciAddress.TryParse(written.Value, out PciAddress address))
        {
            throw new CommandException($"domain '{domain.Name.Value}': '{written.Value}' is no PCI address");
        }

        try
        {
            LinuxPciDevice device = ControllerClaim.Check(address, LinuxPciDevice.List(), _options.Devices, kind);
            return (address, device.IsIsolated ? new VfioController(device, NoticeOf(domain)) : new UnprotectedController(device, NoticeOf(domain)));
        }
        catch (IOException e)
        {
            throw new CommandException($"domain '{domain.Name.Value}': {e.Message}", inner: e);
        }
    }

    private Action<string> NoticeOf(DomainDescription domain) => text => _events.Add($"domain {domain.Name.Value}", text);

    private async Task StartAsync(CancellationToken stop)
    {
        // Finding out about KVM takes a moment, as starting the domains does.
        Task<Accelerator> accelerator = Task.Run(_options.Accelerator, stop);
        await Task.WhenAll(_domains.Select(d => d.StartAsync())).WaitAsync(stop).ConfigureAwait(false);
        _accelerator = await accelerator.WaitAsync(stop).ConfigureAwait(false);
        _vmms = new VmmChoice(_options.Qemu, _accelerator);
        _events.Add("", $"qubes run with {_accelerator.Name.ToUpperInvariant()}: {_accelerator.Reason}");
        await Task.WhenAll(_qubes.Select(q => StartAsync(q))).WaitAsync(stop).ConfigureAwait(false);
    }

    private async Task StartAsync(QubeRunner qube, string? restore = null)
    {
        try
        {
            await qube.StartAsync((_vmms ?? throw new CommandException("the system is still starting; 'makatea ls' shows when it runs")).For(qube.Qube), restore).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SandboxException)
        {
            throw new CommandException($"qube '{qube.Qube.Name.Value}' did not start: {e.Message}; its log is {qube.Status.Log}", inner: e);
        }
    }

    private void EndWhenAllIsOver()
    {
        if (_qubes.All(q => q.IsOver))
        {
            _over.TrySetResult();
        }
    }

    private async Task StopAsync(CancellationToken hurry)
    {
        Qubes!.Close();
        await Task.WhenAll(_qubes.Select(q => q.StopAsync(_options.StopTime, hurry))).ConfigureAwait(false);
        await Task.WhenAll(_domains.Select(d => d.StopAsync())).ConfigureAwait(false);
    }

    private DomainStatus StatusOf(DomainRunner domain)
    {
        DomainStatus status = domain.Status;
        return Net!.UplinkOf(_options.System.Domains.First(d => d.Name.Value == domain.Name)) is { } uplink
            ? status with { Uplink = uplink, Net = Net.StatusOf(domain.Name) }
            : status;
    }

    private DiskStatus StatusOf(QubeDescription qube, DiskDescription disk) => new(
        disk.Name.Value, disk.Domain!.Value.Value, (disk.Image ?? disk.Template)!.Value.Value,
        disk.Template is null ? null : disk.Overlay?.Value ?? DiskDescription.Volatile, disk.ReadOnly.Value,
        Find(disk.Domain.Value.Value).CountersOf(DiskManifest.NameOf(qube, disk)));
}
