using Makatea.Drivers.Nvme;
using Makatea.Drivers.Pci;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Opens the NVMe controllers that a component was granted, each once for all disks that are on it.</summary>
/// <param name="host">The host.</param>
/// <param name="grants">Uses of the grants.</param>
/// <param name="notice">Told of what the user may want to know of a controller.</param>
internal sealed class ControllerOpener(ComponentHost host, ComponentGrants grants, Action<string> notice) : IDisposable
{
    private readonly Dictionary<string, NvmeController> _controllers = [];

    /// <summary>Opens a namespace.</summary>
    /// <param name="grant">The controller.</param>
    /// <param name="id">Identifier of the namespace.</param>
    /// <exception cref="IOException">The controller does not work or has no such namespace; the message says why.</exception>
    public BlockDevice OpenNamespace(ManifestGrant grant, uint id)
    {
        if (!_controllers.TryGetValue(grant.Name, out NvmeController? controller))
        {
            controller = Open(grant);
            _controllers.Add(grant.Name, controller);
        }

        return controller.OpenNamespace(id);
    }

    /// <summary>Shuts all controllers down. Their disks were disposed.</summary>
    public void Dispose()
    {
        foreach (NvmeController controller in _controllers.Values)
        {
            controller.Dispose();
        }

        _controllers.Clear();
    }

    private NvmeController Open(ManifestGrant grant)
    {
        PciFunction function = grant.Type == GrantType.Channel ? new ChannelFunction(OpenChannel(grant), host) : grants.OpenFunction(grant);
        try
        {
            if (!function.Dma.IsProtected)
            {
                notice($"{function.Address} is behind no IOMMU: the device reaches all memory of the machine");
            }

            return NvmeController.Open(function);
        }
        catch
        {
            function.Dispose();
            throw;
        }
    }

    private MessageChannel OpenChannel(ManifestGrant grant)
    {
        using Grant right = grants.Open(grant);
        return right.OpenChannel();
    }
}
