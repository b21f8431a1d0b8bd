using System.Reflection;
using Makatea.Platform;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Makatea.Domains.Storage;

/// <summary>What a storage domain is told beyond its manifest.</summary>
public sealed record StorageDomainOptions
{
    /// <summary>Where connections, refusals and faults are told.</summary>
    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;

    /// <summary>Assemblies whose modules register more backends; <c>virtio-blk</c> is there always.</summary>
    public IReadOnlyList<Assembly> Modules { get; init; } = [];

    /// <summary>
    /// Told of a device that cannot be opened, while the domain starts; it is not served and the others are. Null lets the first such device fail the domain: right
    /// when a system is started, as its user is there to set it right, and wrong when a domain is started again and the others' guests wait for it.
    /// </summary>
    public Action<ManifestDevice, Exception>? DeviceFailed { get; init; }
}
