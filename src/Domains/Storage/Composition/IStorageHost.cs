using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>What a storage domain needs of its host beyond <see cref="ComponentHost"/>: uses for the grants of its manifest.</summary>
public interface IStorageHost
{
    /// <summary>Makes memory, doorbells and waiters.</summary>
    ComponentHost Components { get; }

    /// <summary>Opens a granted file or block device.</summary>
    /// <exception cref="IOException">It cannot be used as a block device; the message says why.</exception>
    BlockDevice OpenFile(ManifestGrant grant);

    /// <summary>Maps granted memory whole.</summary>
    /// <exception cref="GrantException">It is no memory.</exception>
    MappedMemory OpenRegion(ManifestGrant grant);

    /// <summary>Opens a granted listener.</summary>
    /// <exception cref="IOException">It is no listener.</exception>
    ChannelListener OpenListener(ManifestGrant grant);
}
