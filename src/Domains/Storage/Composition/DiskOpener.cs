using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// Builds a disk from its options: file, partition, overlay, read-only, rate limit, from below. Where a layer cannot be made, what is below
/// it is given up.
/// </summary>
internal sealed class DiskOpener(ComponentManifest manifest, IStorageHost host) : IBlockDeviceOpener
{
    /// <inheritdoc/>
    public BlockDevice Open(ManifestDevice device)
    {
        DiskOptions options = DiskOptions.Parse(device);
        BlockDevice disk = OpenBottom(options);
        try
        {
            if (options.Partition is { } selector)
            {
                GptPartition partition = GptPartitionTable.Read(disk, host.Components).Find(selector);
                disk = new PartitionDevice(disk, partition.FirstSector, partition.SectorCount);
            }

            if (options.Overlay is { } overlay)
            {
                disk = OpenOverlay(disk, overlay, options);
            }

            disk = options.IsReadOnly && !disk.Info.IsReadOnly ? new ReadOnlyDevice(disk) : disk;
            return options.Limits == RateLimits.None ? disk : new RateLimitDevice(disk, options.Limits);
        }
        catch
        {
            disk.Dispose();
            throw;
        }
    }

    private BlockDevice OpenBottom(DiskOptions options) => options.NullBytes is { } bytes
        ? new NullDevice((ulong)bytes / BlockDevice.SectorSize)
        : host.OpenFile(manifest.Find(options.Image ?? options.Template!));

    private OverlayDevice OpenOverlay(BlockDevice below, string overlay, DiskOptions options)
    {
        MappedMemory? map = options.OverlayMap is { } name ? host.OpenRegion(manifest.Find(name)) : null;
        BlockDevice? storage = null;
        try
        {
            storage = host.OpenFile(manifest.Find(overlay));
            return OverlayDevice.Open(below, storage, options.OverlayMode, host.Components, map);
        }
        catch
        {
            storage?.Dispose();
            map?.Dispose();
            throw;
        }
    }
}
