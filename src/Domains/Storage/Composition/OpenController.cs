using Makatea.Drivers.Nvme;

namespace Makatea.Domains.Storage;

/// <summary>A controller that disks are on.</summary>
/// <param name="name">Name of its grant.</param>
/// <param name="controller">The controller.</param>
internal sealed class OpenController(string name, NvmeController controller)
{
    public string Name => name;

    public NvmeController Controller => controller;
}
