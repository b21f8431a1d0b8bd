using Makatea.Drivers.E1000;
using Makatea.Platform;

namespace Makatea.Domains.Net;

/// <summary>Opens a net domain's uplink as a port, whatever it is made of.</summary>
internal static class UplinkOpener
{
    /// <summary>Opens it.</summary>
    /// <param name="options">What it is.</param>
    /// <param name="manifest">What the component was given.</param>
    /// <param name="host">Where it runs.</param>
    /// <param name="grants">Uses of what it was given.</param>
    /// <param name="notice">Told of what the user may want to know.</param>
    /// <exception cref="ArgumentException">The grant is missing, or nothing that an uplink is made of.</exception>
    /// <exception cref="IOException">It cannot be used; the message says why.</exception>
    public static NetPort Open(UplinkOptions options, ComponentManifest manifest, ComponentHost host, ComponentGrants grants, Action<string> notice)
    {
        ManifestGrant grant = manifest.Grants.FirstOrDefault(g => g.Name == options.Grant)
            ?? throw new ArgumentException($"the uplink names the grant '{options.Grant}', which component '{manifest.Name}' was not given");
        return options.Kind switch
        {
            UplinkKind.Interface => grants.OpenPort(grant),
            UplinkKind.Adapter => E1000Port.Open(FunctionOpener.Open(grant, host, grants, notice)),
            _ => throw new ArgumentException($"an uplink of kind {options.Kind} is not opened here"),
        };
    }
}
