using System.Text;
using Makatea.Platform;

namespace Makatea.Virtio.Block;

/// <summary>
/// A virtio block device ([VIRTIO-1.3] 5.2) over any <see cref="BlockDevice"/>: read, write, flush, get-id, discard, write zeroes, secure
/// erase and lifetime; multi-queue, write cache configuration, block size and topology. Requests that break a limit end with IOERR.
/// </summary>
public sealed class VirtioBlockDevice : VirtioDevice
{
    private readonly BlockDevice _device;
    private readonly VirtioBlockOptions _options;
    private readonly BlockCounters[] _counters;
    private readonly VirtioBlockMetrics? _metrics;
    private readonly byte[] _id = new byte[BlockLimits.IdLength];
    private volatile BlockLimits _limits;
    private readonly WriteCacheMode _writeCache;
    private volatile bool _mustWriteThrough;

    /// <summary>Serves <paramref name="device"/>, which is disposed with this.</summary>
    /// <param name="device">The disk.</param>
    /// <param name="options">How it is presented.</param>
    /// <param name="writeCache">
    /// Memory of at least one byte that outlives the component and was zeroed when it was made, to keep there whether the driver switched the write cache off; disposed with this.
    /// Without it, a component that was killed and started again has the cache on, and the driver does not know.
    /// </param>
    /// <exception cref="ArgumentException">An option is outside what is allowed; the message says what is.</exception>
    public VirtioBlockDevice(BlockDevice device, VirtioBlockOptions options, MappedMemory? writeCache = null)
    {
        options.Check();
        _device = device;
        _options = options;
        Encoding.ASCII.GetBytes(options.Serial, _id);
        _counters = [.. Enumerable.Range(0, options.QueueCount).Select(_ => new BlockCounters())];
        Features = OfferedFeatures(device.Info, options);
        _limits = BlockLimits.Of(device.Info, Features);
        _writeCache = new WriteCacheMode(device.Info.HasVolatileCache, writeCache);
        _device.InfoChanged += OnInfoChanged;
        _metrics = MetricsSwitch.IsOn ? new VirtioBlockMetrics(options.Name, _counters) : null;
    }

    /// <inheritdoc/>
    public override string Name => _options.Name;

    /// <inheritdoc/>
    public override uint DeviceId => 2;

    /// <inheritdoc/>
    public override int QueueCount => _options.QueueCount;

    /// <inheritdoc/>
    public override ushort MaxQueueSize => _options.MaxQueueSize;

    /// <inheritdoc/>
    public override ulong Features { get; }

    /// <inheritdoc/>
    public override int ConfigLength => BlockConfigSpace.Length;

    /// <summary>Counters of each queue.</summary>
    public IReadOnlyList<BlockCounters> Counters => _counters;

    internal BlockLimits Limits => _limits;

    internal bool IsWriteback => _writeCache.IsOn && !_mustWriteThrough;

    internal bool HasVolatileCache => _device.Info.HasVolatileCache;

    internal ReadOnlySpan<byte> Id => _id;

    internal ReadOnlySpan<byte> Lifetime => LifetimeBytes(_device.Info.Lifetime ?? default);

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> destination)
    {
        Span<byte> config = stackalloc byte[BlockConfigSpace.Length];
        BlockConfigSpace.Write(config, _device.Info, Features, QueueCount, IsWriteback);
        destination.Clear();
        if (offset >= 0 && offset < config.Length)
        {
            config[offset..Math.Min(config.Length, offset + destination.Length)].CopyTo(destination);
        }
    }

    /// <inheritdoc/>
    public override bool WriteConfig(int offset, ReadOnlySpan<byte> source, ulong negotiatedFeatures)
    {
        // [VIRTIO-1.3] 5.2.5: writeback is the one writable field, and only where CONFIG_WCE was negotiated.
        if ((negotiatedFeatures & BlockFeatures.ConfigWriteCache) == 0
            || offset != BlockConfigSpace.WritebackOffset || source.Length != 1 || source[0] > 1 || (source[0] == 1 && _mustWriteThrough))
        {
            return false;
        }

        _writeCache.IsOn = source[0] == 1;
        return true;
    }

    /// <inheritdoc/>
    public override void AcceptFeatures(ulong features)
    {
        // [VIRTIO-1.3] 5.2.5.2: a driver that can switch the cache and cannot flush has it off.
        const ulong Both = BlockFeatures.ConfigWriteCache | BlockFeatures.Flush;
        _mustWriteThrough = (features & Both) == BlockFeatures.ConfigWriteCache;
    }

    /// <inheritdoc/>
    public override void AddMemory(MappedMemory memory) => _device.AddMemory(memory);

    /// <inheritdoc/>
    public override void RemoveMemory(MappedMemory memory) => _device.RemoveMemory(memory);

    /// <inheritdoc/>
    public override QueueWorker CreateWorker(QueueSetup setup)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(setup.Index, QueueCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(setup.Size, MaxQueueSize);
        BlockCounters counters = _counters[setup.Index];
        BlockQueueHandler handler = new(this, setup, _device.OpenQueue(setup.Size), counters);
        return QueueLoop.Create(setup, handler, new QueueLoopOptions
        {
            Name = $"{Name}/{setup.Index}",
            Counters = counters.Loop,
            PollTime = _options.PollTime,
        });
    }

    /// <summary>Forgets the driver's features. The mode of the write cache stays: see <see cref="WriteCacheMode"/>.</summary>
    public override void Reset() => _mustWriteThrough = false;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _device.InfoChanged -= OnInfoChanged;
        _metrics?.Dispose();
        _device.Dispose();
        _writeCache.Dispose();
    }

    private static ulong OfferedFeatures(BlockDeviceInfo info, VirtioBlockOptions options)
    {
        ulong features = VirtioFeatures.Rings | BlockFeatures.SegmentMax | BlockFeatures.BlockSize | BlockFeatures.Topology
            | BlockFeatures.Flush;
        features |= options.QueueCount > 1 ? BlockFeatures.MultiQueue : 0;
        if (info.IsReadOnly)
        {
            return features | BlockFeatures.ReadOnly;
        }

        features |= info.HasVolatileCache ? BlockFeatures.ConfigWriteCache : 0;
        features |= info.DiscardGranularity != 0 ? BlockFeatures.Discard : 0;
        features |= info.SupportsWriteZeroes ? BlockFeatures.WriteZeroes : 0;
        features |= info.SupportsSecureErase ? BlockFeatures.SecureErase : 0;
        return features | (info.Lifetime is not null ? BlockFeatures.Lifetime : 0);
    }

    /// <summary>struct virtio_blk_lifetime { le16 pre_eol_info; le16 device_lifetime_est_typ_a; le16 device_lifetime_est_typ_b; }.</summary>
    private static byte[] LifetimeBytes(BlockLifetime lifetime) =>
    [
        (byte)lifetime.PreEolInfo, (byte)(lifetime.PreEolInfo >> 8),
        (byte)lifetime.EstimateA, (byte)(lifetime.EstimateA >> 8),
        (byte)lifetime.EstimateB, (byte)(lifetime.EstimateB >> 8),
    ];

    private void OnInfoChanged()
    {
        _limits = BlockLimits.Of(_device.Info, Features);
        OnConfigChanged();
    }
}
