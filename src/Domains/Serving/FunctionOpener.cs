using Makatea.Drivers.Pci;
using Makatea.Platform;

namespace Makatea.Domains;

/// <summary>Opens device functions that a component was granted, whichever way: the function itself, or a channel to who serves it.</summary>
internal static class FunctionOpener
{
    /// <summary>Opens one.</summary>
    /// <param name="grant">The right.</param>
    /// <param name="host">The host.</param>
    /// <param name="grants">Uses of the grants.</param>
    /// <param name="notice">Told where nothing keeps the device to what it was given.</param>
    /// <exception cref="IOException">It cannot be used; the message says why.</exception>
    public static PciFunction Open(ManifestGrant grant, ComponentHost host, ComponentGrants grants, Action<string> notice)
    {
        PciFunction function = grant.Type == GrantType.Channel ? new ChannelFunction(OpenChannel(grant, grants), host) : grants.OpenFunction(grant);
        if (!function.Dma.IsProtected)
        {
            notice($"{function.Address} is behind no IOMMU: the device reaches all memory of the machine");
        }

        return function;
    }

    private static MessageChannel OpenChannel(ManifestGrant grant, ComponentGrants grants)
    {
        using Grant right = grants.Open(grant);
        return right.OpenChannel();
    }
}
