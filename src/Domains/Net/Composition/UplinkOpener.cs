using Makatea.Drivers.E1000;
using Makatea.Platform;

namespace Makatea.Domains.Net;

/// <summary>Opens what a net domain's uplink is made of.</summary>
internal static class UplinkOpener
{
    /// <summary>Finds the right that an uplink names.</summary>
    /// <exception cref="ArgumentException">It was not granted.</exception>
    public static ManifestGrant Find(UplinkOptions options, ComponentManifest manifest) => manifest.Grants.FirstOrDefault(g => g.Name == options.Grant)
        ?? throw new ArgumentException($"the uplink names the grant '{options.Grant}', which component '{manifest.Name}' was not given");

    /// <summary>Opens an interface of the host, or an adapter.</summary>
    /// <param name="kind">Which of both.</param>
    /// <param name="grant">The right.</param>
    /// <param name="host">Where the component runs.</param>
    /// <param name="grants">Uses of what it was given.</param>
    /// <param name="notice">Told of what the user may want to know.</param>
    /// <exception cref="IOException">It cannot be used; the message says why.</exception>
    public static NetPort Open(UplinkKind kind, ManifestGrant grant, ComponentHost host, ComponentGrants grants, Action<string> notice) => kind == UplinkKind.Adapter
        ? E1000Port.Open(FunctionOpener.Open(grant, host, grants, notice))
        : grants.OpenPort(grant);
}
