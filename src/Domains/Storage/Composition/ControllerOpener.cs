using Makatea.Drivers.Nvme;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Opens the NVMe controllers that a component was granted, each once for all disks that are on it.</summary>
/// <param name="host">The host.</param>
/// <param name="grants">Uses of the grants.</param>
/// <param name="notice">Told of what the user may want to know of a controller.</param>
/// <param name="logger">Told of what controllers report later.</param>
internal sealed class ControllerOpener(ComponentHost host, ComponentGrants grants, Action<string> notice, ComponentLogger logger) : IDisposable
{
    // One that could not be opened stays so: each of its disks hears why.
    private readonly Dictionary<string, Lazy<NvmeController>> _controllers = [];

    /// <summary>Those that were opened, by the names of their grants.</summary>
    public IReadOnlyList<OpenController> Opened =>
        [.. _controllers.Where(c => c.Value.IsValueCreated).Select(c => new OpenController(c.Key, c.Value.Value))];

    /// <summary>Opens a namespace.</summary>
    /// <param name="grant">The controller.</param>
    /// <param name="id">Identifier of the namespace.</param>
    /// <exception cref="IOException">The controller does not work or has no such namespace; the message says why.</exception>
    public BlockDevice OpenNamespace(ManifestGrant grant, uint id)
    {
        if (!_controllers.TryGetValue(grant.Name, out Lazy<NvmeController>? controller))
        {
            controller = new(() => Open(grant));
            _controllers.Add(grant.Name, controller);
        }

        return controller.Value.OpenNamespace(id);
    }

    /// <summary>Shuts all controllers down. Their disks were disposed.</summary>
    public void Dispose()
    {
        foreach (Lazy<NvmeController> controller in _controllers.Values.Where(c => c.IsValueCreated))
        {
            controller.Value.Dispose();
        }

        _controllers.Clear();
    }

    private NvmeController Open(ManifestGrant grant)
    {
        var controller = NvmeController.Open(FunctionOpener.Open(grant, host, grants, notice));
        controller.EventReported += e => StorageLogMessages.ControllerReported(logger, grant.Name, e);
        controller.Recovered += e => StorageLogMessages.ControllerReset(logger, grant.Name, e.Message);
        controller.Failed += () => StorageLogMessages.ControllerFailed(logger, grant.Name, controller.Failure?.Message);
        return controller;
    }
}
