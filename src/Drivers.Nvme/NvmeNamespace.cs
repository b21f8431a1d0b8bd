using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>A namespace of a controller as a block device. Its data is written to and read from the memory that it was told of (<see cref="AddMemory"/>) without a copy.</summary>
public sealed class NvmeNamespace : BlockDevice
{
    private readonly NvmeController _controller;
    private readonly bool _ownsController;
    private readonly NamespaceGeometry _opened;
    private volatile NamespaceGeometry? _geometry;

    internal NvmeNamespace(NvmeController controller, NamespaceGeometry geometry, bool ownsController)
    {
        _controller = controller;
        _ownsController = ownsController;
        _opened = geometry;
        _geometry = geometry;
    }

    /// <summary>Its identifier within the controller, from 1.</summary>
    public uint NamespaceId => _opened.NamespaceId;

    /// <summary>Its UUID, else its NGUID or EUI64 in hexadecimal digits; empty where it has none.</summary>
    public string Identifier => _opened.Identifier;

    /// <summary>Sizes of blocks that it can be formatted with.</summary>
    public IReadOnlyList<int> FormatBlockSizes => _opened.BlockSizes;

    /// <summary>The controller.</summary>
    public NvmeController Controller => _controller;

    /// <summary>It is there and in the format that it was opened with. Where not, requests end with <see cref="BlockStatus.IoError"/>.</summary>
    public bool IsUsable => _geometry is not null;

    /// <inheritdoc/>
    public override BlockDeviceInfo Info
    {
        get
        {
            NamespaceGeometry geometry = _geometry ?? _opened;
            ControllerIdentity identity = _controller.Identity;
            return new BlockDeviceInfo
            {
                SectorCount = geometry.SectorCount,
                IsReadOnly = geometry.IsReadOnly,
                BlockSize = geometry.BlockSize,
                PhysicalBlockSize = geometry.WriteGranularity,
                OptimalIoSize = geometry.OptimalWrite,
                HasVolatileCache = identity.HasVolatileCache,
                DiscardGranularity = identity.SupportsDeallocate ? geometry.DeallocateGranularity : 0,
                SupportsWriteZeroes = identity.SupportsWriteZeroes,
                SupportsSecureErase = false,
                Lifetime = _controller.LastHealth?.Lifetime,
            };
        }
    }

    /// <summary>What the data path checks requests against; null once the namespace is gone or was formatted otherwise.</summary>
    internal NamespaceGeometry? Geometry => _geometry;

    /// <summary>Opens a controller for one of its namespaces, and ends it with that.</summary>
    /// <param name="function">The controller, which is taken over.</param>
    /// <param name="namespaceId">Which namespace, from 1.</param>
    /// <param name="options">How it is driven.</param>
    /// <exception cref="NvmeException">The controller or the namespace cannot be used.</exception>
    public static NvmeNamespace Open(PciFunction function, uint namespaceId, NvmeOptions? options = null)
    {
        NvmeController controller = NvmeController.Open(function, options);
        try
        {
            return controller.OpenNamespace(namespaceId, ownsController: true);
        }
        catch
        {
            controller.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="NvmeException">The controller has no queue left, failed, or refuses.</exception>
    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) => _controller.OpenQueue(this, depth, completions);

    /// <inheritdoc/>
    public override void AddMemory(MappedMemory memory) => _controller.Mappings.Add(memory);

    /// <inheritdoc/>
    public override void RemoveMemory(MappedMemory memory) => _controller.Mappings.Remove(memory);

    /// <exception cref="NvmeException">It is not there any more.</exception>
    internal NamespaceGeometry RequireGeometry() => _geometry
        ?? throw new NvmeException(NvmeFault.Unsupported, $"namespace {NamespaceId} is gone, or not in the format any more that it was opened with");

    /// <summary>Takes over what the controller says now.</summary>
    /// <returns>True where that is something else.</returns>
    internal bool Update(NamespaceGeometry? now)
    {
        NamespaceGeometry? before = _geometry;
        _geometry = now is not null && now.IsSameDisk(_opened) ? now : null;
        return before?.SectorCount != _geometry?.SectorCount || before?.IsReadOnly != _geometry?.IsReadOnly;
    }

    internal void NotifyInfoChanged() => OnInfoChanged();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _controller.CloseNamespace(this);
            if (_ownsController)
            {
                _controller.Dispose();
            }
        }
    }
}
