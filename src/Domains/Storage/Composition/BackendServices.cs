using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>What a storage domain has for its backends.</summary>
/// <param name="manifest">What the component was given.</param>
/// <param name="host">Where it runs.</param>
/// <param name="grants">Uses of what it was given.</param>
/// <param name="disks">Opens the disks of devices.</param>
/// <param name="logger">Where it tells what happens.</param>
public sealed class BackendServices(ComponentManifest manifest, ComponentHost host, ComponentGrants grants, IBlockDeviceOpener disks, ComponentLogger logger)
{
    /// <summary>What the component was given.</summary>
    public ComponentManifest Manifest => manifest;

    /// <summary>Where it runs.</summary>
    public ComponentHost Host => host;

    /// <summary>Uses of what it was given.</summary>
    public ComponentGrants Grants => grants;

    /// <summary>Opens the disks of devices.</summary>
    public IBlockDeviceOpener Disks => disks;

    /// <summary>Where the component tells what happens.</summary>
    public ComponentLogger Logger => logger;
}
