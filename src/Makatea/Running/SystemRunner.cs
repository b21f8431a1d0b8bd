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
    private readonly List<QubeRunner> _qubes = [];
    private readonly DateTimeOffset _startedAt = DateTimeOffset.Now;
    private Accelerator? _accelerator;

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

            foreach (QubeDescription qube in options.System.Qubes)
            {
                string name = qube.Name.Value;
                var paths = new QemuPaths(state.ConsoleSocket(name), state.Log($"{name}.console"), [.. qube.Disks.Select(d => state.DiskSocket(name, d.Name.Value))]);
                _qubes.Add(new QubeRunner(qube, paths, state.Log(name), events));
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
        [.. _domains.Select(d => d.Status)], [.. _qubes.Select(q => q.Status with { Disks = [.. q.Qube.Disks.Select(d => StatusOf(q.Qube, d))] })]);

    /// <summary>Runs until all qubes ended or <paramref name="stop"/>, and stops what is left.</summary>
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
            await Task.WhenAny(Task.WhenAll(_qubes.Select(q => q.Ended)), Task.Delay(Timeout.Infinite, stop)).ConfigureAwait(false);
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

    private DomainRunner MakeDomain(DomainDescription domain)
    {
        var grants = new GrantTable();
        try
        {
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

    /// <returns>Option value that refers to the domain's NVMe controller, if it has one.</returns>
    private string? AddController(DomainDescription domain, GrantTable grants)
    {
        if (domain.Nvme is not { } nvme)
        {
            return null;
        }

        void Notice(string text) => _events.Add($"domain {domain.Name.Value}", text);
        if (domain.IsEmulated)
        {
            return grants.AddFunction("nvme", new EmulatedNvme([.. domain.Namespaces.Select(n => grants.OpenFile(n.Value))], _options.Qemu, Notice));
        }

        if (!PciAddress.TryParse(nvme.Value, out PciAddress address))
        {
            throw new CommandException($"domain '{domain.Name.Value}': '{nvme.Value}' is no PCI address");
        }

        try
        {
            LinuxPciDevice device = NvmeClaim.Check(address, LinuxPciDevice.List(), _options.Devices);
            return grants.AddFunction(address.ToString(), device.IsIsolated ? new VfioNvme(device, Notice) : new UnprotectedNvme(device, Notice));
        }
        catch (IOException e)
        {
            throw new CommandException($"domain '{domain.Name.Value}': {e.Message}", inner: e);
        }
    }

    private async Task StartAsync(CancellationToken stop)
    {
        // Finding out about KVM takes a moment, as starting the domains does.
        Task<Accelerator> accelerator = Task.Run(_options.Accelerator, stop);
        await Task.WhenAll(_domains.Select(d => d.StartAsync())).WaitAsync(stop).ConfigureAwait(false);
        _accelerator = await accelerator.WaitAsync(stop).ConfigureAwait(false);
        _events.Add("", $"qubes run with {_accelerator.Name.ToUpperInvariant()}: {_accelerator.Reason}");
        await Task.WhenAll(_qubes.Select(StartAsync)).WaitAsync(stop).ConfigureAwait(false);
    }

    private async Task StartAsync(QubeRunner qube)
    {
        try
        {
            await qube.StartAsync(_options.Qemu, _accelerator!).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SandboxException)
        {
            throw new CommandException($"qube '{qube.Qube.Name.Value}' did not start: {e.Message}; its log is {qube.Status.Log}", inner: e);
        }
    }

    private async Task StopAsync(CancellationToken hurry)
    {
        await Task.WhenAll(_qubes.Select(q => q.StopAsync(_options.StopTime, hurry))).ConfigureAwait(false);
        await Task.WhenAll(_domains.Select(d => d.StopAsync())).ConfigureAwait(false);
    }

    private DiskStatus StatusOf(QubeDescription qube, DiskDescription disk) => new(
        disk.Name.Value, disk.Domain!.Value.Value, (disk.Image ?? disk.Template)!.Value.Value,
        disk.Template is null ? null : disk.Overlay?.Value ?? DiskDescription.Volatile, disk.ReadOnly.Value,
        _domains.First(d => d.Status.Name == disk.Domain.Value.Value).CountersOf(DiskManifest.NameOf(qube, disk)));
}
