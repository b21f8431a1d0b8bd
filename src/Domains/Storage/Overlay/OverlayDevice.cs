using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// A device whose writes go to a storage of its own and whose other contents are a base's, which many overlays share and none changes: a qube's root over its
/// template. See <see cref="OverlayFormat"/> for the storage.
/// </summary>
/// <remarks>
/// <para>
/// The unit is a grain of 4 KiB (or a block, where that is larger). A write of whole grains costs that write. The first write to a part of a grain reads the rest of it
/// from the base and writes the grain; later ones cost themselves. Reads go where the grains are and are split where that changes.
/// </para>
/// <para>
/// A completed write survives the component if the map lies in memory that does (see <see cref="Open"/>). A flushed one survives a power loss, where the overlay is
/// kept. A grain is the overlay's only after its data was written, so what was not flushed reads as the base after a power loss, never as garbage.
/// </para>
/// <para>Discarded and zeroed grains become the overlay's, so that the base's contents never show again. Nothing can be erased securely, as the base is not ours.</para>
/// </remarks>
public sealed class OverlayDevice : BlockDevice
{
    private readonly BlockDevice _base;
    private readonly BlockDevice _storage;
    private readonly LiveMap _map;
    private readonly HeapMemory _lockedBits;

    private OverlayDevice(BlockDevice @base, BlockDevice storage, OverlayMode mode, OverlayFormat format, LiveMap map)
    {
        _base = @base;
        _storage = storage;
        _map = map;
        _lockedBits = new HeapMemory((int)format.MapLength);
        Format = format;
        Mode = mode;
        Locked = new GrainMap(_lockedBits.Slice(0, (int)format.MapLength));
        Commit = mode == OverlayMode.Kept ? new OverlayCommit(map.Grains, format) : null;
        bool zeroes = storage.Info.SupportsWriteZeroes;
        Info = new BlockDeviceInfo
        {
            SectorCount = format.SectorCount,
            BlockSize = Math.Max(@base.Info.BlockSize, storage.Info.BlockSize),
            PhysicalBlockSize = format.GrainSize,
            OptimalIoSize = storage.Info.OptimalIoSize,
            HasVolatileCache = mode == OverlayMode.Kept,
            DiscardGranularity = zeroes ? format.GrainSize : 0,
            SupportsWriteZeroes = zeroes,
        };
    }

    /// <inheritdoc/>
    public override BlockDeviceInfo Info { get; }

    /// <summary>How long what is written lasts.</summary>
    public OverlayMode Mode { get; }

    /// <summary>Bytes that are the overlay's and not its base's.</summary>
    public long OwnedBytes => _map.Grains.Count() * Format.GrainSize;

    internal OverlayFormat Format { get; }

    /// <summary>Grains that are the overlay's.</summary>
    internal GrainMap Owned => _map.Grains;

    /// <summary>Grains that some queue is making the overlay's. Nobody else may write them meanwhile.</summary>
    internal GrainMap Locked { get; }

    /// <summary>Brings the map to the storage; null where the overlay is volatile.</summary>
    internal OverlayCommit? Commit { get; }

    /// <summary>Length in bytes that the storage of an overlay needs over a base of so many bytes, for blocks of up to 4 KiB.</summary>
    public static ulong StorageLength(ulong baseLength) => OverlayFormat.For(baseLength / SectorSize, SectorSize, SectorSize).RequiredSectors * SectorSize;

    /// <summary>Length in bytes that the memory for an overlay's map needs over a base of so many bytes, for blocks of up to 4 KiB.</summary>
    public static ulong MapLength(ulong baseLength) => (ulong)OverlayFormat.For(baseLength / SectorSize, SectorSize, SectorSize).MapLength + LiveMap.HeaderLength;

    /// <summary>Opens an overlay, and makes it where the storage is empty.</summary>
    /// <param name="base">What is below; never written. Taken over, unless this throws.</param>
    /// <param name="storage">Where writes go, of at least <see cref="StorageLength"/>: zeroes for a new overlay. Taken over, unless this throws.</param>
    /// <param name="mode">How long writes last.</param>
    /// <param name="host">The host.</param>
    /// <param name="map">
    /// Memory for the map, of at least <see cref="MapLength"/>: zeroes at first, and the same memory again after the component was killed. Null uses memory that ends with
    /// the component: then what was not flushed ends with it, too, and a volatile overlay does as a whole. Taken over, unless this throws.
    /// </param>
    /// <exception cref="OverlayException">The storage or the map is too small, of something else, or of an overlay over another base.</exception>
    /// <exception cref="IOException">A device failed.</exception>
    public static OverlayDevice Open(BlockDevice @base, BlockDevice storage, OverlayMode mode, ComponentHost host, MappedMemory? map = null)
    {
        ArgumentNullException.ThrowIfNull(@base);
        ArgumentNullException.ThrowIfNull(storage);
        var format = OverlayFormat.For(@base.Info.SectorCount, @base.Info.BlockSize, storage.Info.BlockSize);
        if (storage.Info.SectorCount < format.RequiredSectors)
        {
            throw new OverlayException($"the storage has {storage.Info.SectorCount} sectors; an overlay over a base of {@base.Info.SectorCount} needs {format.RequiredSectors}");
        }

        if (storage.Info.IsReadOnly)
        {
            throw new OverlayException("the storage is read-only, and an overlay's writes go there");
        }

        var live = new LiveMap(format, map);
        var device = new OverlayDevice(@base, storage, mode, format, live);
        using var baseQueue = new SynchronousQueue(@base, host);
        using var storageQueue = new SynchronousQueue(storage, host);
        new OverlayLoader(device, live, baseQueue, storageQueue).Load();
        return device;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The depth is more than 65,000, as the queues below are opened with some more.</exception>
    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(depth, 65000);
        BlockQueue storage = _storage.OpenQueue(OverlayQueue.DepthBelow(depth), completions);
        BlockQueue @base = _base.OpenQueue(OverlayQueue.DepthBelow(depth), completions ?? storage.Completions);
        return new OverlayQueue(this, @base, storage, depth);
    }

    /// <inheritdoc/>
    public override void AddMemory(MappedMemory memory)
    {
        _base.AddMemory(memory);
        _storage.AddMemory(memory);
    }

    /// <inheritdoc/>
    public override void RemoveMemory(MappedMemory memory)
    {
        _base.RemoveMemory(memory);
        _storage.RemoveMemory(memory);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _base.Dispose();
            _storage.Dispose();
            _map.Dispose();
            _lockedBits.Dispose();
            Commit?.Dispose();
        }
    }
}
