using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// Builds disks from their options: file or namespace, partition, overlay, read-only, rate limit, from below. Where a layer cannot be made, what is below it is given up.
/// </summary>
/// <param name="manifest">The grants.</param>
/// <param name="host">The host.</param>
/// <param name="grants">Uses of the grants.</param>
/// <param name="controllers">Opens the controllers that disks are on.</param>
/// <param name="notice">Told of what the user may want to know of a disk.</param>
internal sealed class DiskOpener(ComponentManifest manifest, ComponentHost host, ComponentGrants grants, ControllerOpener controllers, Action<string> notice)
    : IBlockDeviceOpener
{
    private readonly Dictionary<string, Disk> _disks = [];

    /// <summary>The disks that were opened, by the names of their devices.</summary>
    public IReadOnlyDictionary<string, Disk> Disks => _disks;

    /// <inheritdoc/>
    public BlockDevice Open(ManifestDevice device, IReadOnlyCollection<string> backendOptions)
    {
        var options = DiskOptions.Parse(device, backendOptions.Concat(grants.FileOptions));
        BlockDevice top = options switch
        {
            { Storage: null } => new NullDevice(options.NullSectors),
            { Namespace: { } id } => controllers.OpenNamespace(Find(device, options.Storage), id),
            _ => grants.OpenFile(Find(device, options.Storage), device.Options),
        };
        try
        {
            top = options.Partition is { } partition ? OpenPartition(device, top, partition) : top;
            OverlayDevice? overlay = options.Overlay is { } storage ? OpenOverlay(device, top, storage, options) : null;
            top = overlay ?? top;
            top = options.IsReadOnly && !top.Info.IsReadOnly ? new ReadOnlyDevice(top) : top;
            RateLimitDevice? limited = options.Limits == RateLimits.None ? null : new RateLimitDevice(top, options.Limits);
            var disk = new Disk(device.Name, limited ?? top) { Unlimited = top, Overlay = overlay, RateLimit = limited };
            _disks[device.Name] = disk;
            return disk.Device;
        }
        catch
        {
            top.Dispose();
            throw;
        }
    }

    private PartitionDevice OpenPartition(ManifestDevice device, BlockDevice disk, string selector)
    {
        var table = GptPartitionTable.Read(disk, host);
        if (table.PrimaryFault is { } fault)
        {
            notice($"'{device.Name}' is found by the backup of its disk's partition table, as the primary is bad: {fault}");
        }

        GptPartition partition = table.Find(selector);
        return new PartitionDevice(disk, partition.FirstSector, partition.SectorCount);
    }

    private OverlayDevice OpenOverlay(ManifestDevice device, BlockDevice template, string overlay, DiskOptions options)
    {
        MappedMemory? map = null;
        if (options.OverlayMap is { } name)
        {
            using Grant memory = grants.Open(Find(device, name));
            map = memory.Map(0, OverlayDevice.MapLength(template.Info.SectorCount * BlockDevice.SectorSize), MemoryAccess.ReadWrite);
        }
        else
        {
            notice($"'{device.Name}' has no memory for its overlay's map that outlives the domain: should the domain die, what was not flushed is lost");
        }

        BlockDevice? storage = null;
        try
        {
            storage = grants.OpenFile(Find(device, overlay), device.Options);
            return OverlayDevice.Open(template, storage, options.OverlayMode, host, map);
        }
        catch
        {
            storage?.Dispose();
            map?.Dispose();
            throw;
        }
    }

    private ManifestGrant Find(ManifestDevice device, string name) => manifest.Grants.FirstOrDefault(g => g.Name == name)
        ?? throw new ArgumentException(
            $"device '{device.Name}': the component was not granted '{name}'{NearestName.Hint(name, manifest.Grants.Select(g => g.Name))}");
}
