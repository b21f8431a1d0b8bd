using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Block;

namespace Makatea.Domains.Storage;

/// <summary>
/// The backends of a domain, by the names that manifests call them. A component's image says what is in it when it is made, and lists its backends itself; where assemblies are loaded,
/// <see cref="ModuleBackends"/> makes the table of what their modules register.
/// </summary>
/// <param name="backends">The backends.</param>
/// <param name="owner">Disposed with the table: who made them.</param>
public sealed class BackendTable(IReadOnlyDictionary<string, IVirtioBackend> backends, IDisposable? owner = null) : IDisposable
{
    /// <summary>What serves disks in Makatea itself: <c>virtio-blk</c>.</summary>
    public static BackendTable BuiltIn(BackendServices services) => new(new Dictionary<string, IVirtioBackend>
    {
        [BlockModule.BackendName] = BlockModule.CreateBackend(services.Disks, services.Manifest, services.Grants),
    });

    /// <inheritdoc/>
    public void Dispose() => owner?.Dispose();

    /// <summary>The backend of a device.</summary>
    /// <exception cref="ArgumentException">There is none of its name.</exception>
    internal IVirtioBackend Find(ManifestDevice device) => backends.TryGetValue(device.Backend, out IVirtioBackend? backend)
        ? backend
        : throw new ArgumentException(
            $"device '{device.Name}': no module registers the backend '{device.Backend}'{NearestName.Hint(device.Backend, backends.Keys)}; there are {string.Join(", ", backends.Keys)}");
}
