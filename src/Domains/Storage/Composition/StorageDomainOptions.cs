using Makatea.Platform;
using Makatea.Virtio;

namespace Makatea.Domains.Storage;

/// <summary>What a storage domain is told beyond its manifest.</summary>
public sealed record StorageDomainOptions
{
    /// <summary>Where connections, refusals and faults are told; a <see cref="LoggerAdapter"/> is one of Microsoft.Extensions.Logging.</summary>
    public ComponentLogger Logger { get; init; } = ComponentLogger.None;

    /// <summary>
    /// Makes the backends that the manifest names, of what the domain has. <see cref="BackendTable.BuiltIn"/> unless said otherwise; <see cref="ModuleBackends"/> makes those of modules.
    /// The domain disposes the table.
    /// </summary>
    public Func<BackendServices, BackendTable> Backends { get; init; } = BackendTable.BuiltIn;

    /// <summary>
    /// Told of a device that cannot be opened, while the domain starts; it is not served and the others are. Null lets the first such device fail the domain: right
    /// when a system is started, as its user is there to set it right, and wrong when a domain is started again and the others' guests wait for it.
    /// </summary>
    public Action<ManifestDevice, Exception>? DeviceFailed { get; init; }
}
