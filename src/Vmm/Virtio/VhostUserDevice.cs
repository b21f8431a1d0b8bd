using Makatea.Platform;
using Makatea.Virtio;

namespace Makatea.Vmm.Virtio;

/// <summary>
/// A device whose queues a vhost-user back end serves, ours or another's. The back end gets the guest's memory and a doorbell for each direction of each queue; what it says on a queue's second doorbell
/// becomes an interrupt, on a thread of this device's.
/// </summary>
public sealed class VhostUserDevice : VirtioFrontEnd
{
    /// <summary>The most queues that a device can have.</summary>
    public const int MostQueues = ErrorBit;

    private const int ErrorBit = 62;
    private const int EndBit = 63;

    // In-flight tracking and the log are for those who restart back ends and move guests: not yet.
    private const VhostUserProtocolFeatures Wanted = VhostUserProtocolFeatures.MultiQueue | VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.BackendRequest | VhostUserProtocolFeatures.Config;

    private const ulong NotTheGuests = VhostUserFeatures.ProtocolFeatures | VhostUserFeatures.LogAll | VirtioFeatures.RingReset;

    private readonly VhostUserFrontend _frontend;
    private readonly Lock _wire = new();
    private readonly GuestMemory _memory;
    private readonly ulong _negotiated;
    private readonly ushort[] _sizes;
    private readonly byte[] _config;
    private readonly ReadOnlyMemory<byte> _configStart;
    private readonly Doorbell[] _kicks;
    private readonly Doorbell[] _calls;
    private readonly Doorbell _error;
    private readonly Doorbell _end;
    private readonly DoorbellWaiter _waiter;
    private readonly Thread _thread;
    private readonly List<int> _running = [];
    private IVirtioInterrupts? _interrupts;
    private bool _isStale;
    private bool _isShared;

    /// <summary>Negotiates with a back end.</summary>
    /// <param name="channel">The connection, taken over.</param>
    /// <param name="host">Makes doorbells.</param>
    /// <param name="memory">The guest's memory, which can be granted.</param>
    /// <param name="options">What the device is.</param>
    /// <exception cref="VirtioFrontEndException">The back end is none for this device.</exception>
    public VhostUserDevice(MessageChannel channel, ComponentHost host, GuestMemory memory, VhostUserDeviceOptions options)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(options);
        _memory = memory;
        DeviceType = options.DeviceType;
        _config = new byte[options.ConfigLength];
        _frontend = new VhostUserFrontend(channel, host);
        try
        {
            _negotiated = _frontend.Negotiate(ulong.MaxValue, Wanted);
            bool hasConfig = (_frontend.ProtocolFeatures & VhostUserProtocolFeatures.Config) != 0;
            Features = options.Offer(_negotiated & ~NotTheGuests, hasConfig) & ~options.WithheldFeatures;
            _configStart = options.ConfigStart;
            _sizes = new ushort[CountQueues(options)];
            ReadConfigAnew();
        }
        catch (Exception e) when (e is VhostUserException or IOException)
        {
            _frontend.Dispose();
            throw new VirtioFrontEndException($"the back end cannot be used: {e.Message}", e);
        }

        if ((Features & VirtioFeatures.Version1) == 0)
        {
            _frontend.Dispose();
            throw new VirtioFrontEndException($"the back end offers 0x{Features:x}, without VIRTIO_F_VERSION_1");
        }

        _sizes.AsSpan().Fill(options.QueueSize);
        ComponentHost doorbells = host.For(channel);
        _kicks = [.. _sizes.Select(_ => doorbells.CreateDoorbell())];
        _calls = [.. _sizes.Select(_ => doorbells.CreateDoorbell())];
        _error = doorbells.CreateDoorbell();
        _end = doorbells.CreateDoorbell();
        _waiter = doorbells.CreateWaiter();
        for (int i = 0; i < _calls.Length; i++)
        {
            _waiter.Add(_calls[i], i);
        }

        _waiter.Add(_error, ErrorBit);
        _waiter.Add(_end, EndBit);
        _frontend.ConfigChanged += OnConfigChanged;
        _thread = new Thread(Wait) { IsBackground = true, Name = "virtio-interrupts" };
        _thread.Start();
    }

    /// <inheritdoc/>
    public override uint DeviceType { get; }

    /// <inheritdoc/>
    public override ulong Features { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<ushort> QueueSizes => _sizes;

    /// <inheritdoc/>
    public override int ConfigLength => _config.Length;

    /// <inheritdoc/>
    public override Doorbell Kick(int queue) => _kicks[queue];

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> destination)
    {
        lock (_wire)
        {
            if (Volatile.Read(ref _isStale))
            {
                Volatile.Write(ref _isStale, false);
                try
                {
                    ReadConfigAnew();
                }
                catch (Exception e) when (e is VhostUserException or IOException)
                {
                    Volatile.Read(ref _interrupts)?.Fail();
                }
            }

            _config.AsSpan(offset, destination.Length).CopyTo(destination);
        }
    }

    /// <inheritdoc/>
    public override void WriteConfig(int offset, ReadOnlySpan<byte> source)
    {
        lock (_wire)
        {
            try
            {
                if ((_frontend.ProtocolFeatures & VhostUserProtocolFeatures.Config) != 0)
                {
                    _frontend.SetConfig(offset, source);
                }
            }
            catch (Exception e) when (e is VhostUserException or IOException)
            {
                // Most of a configuration is read-only, and back ends say so.
            }

            Volatile.Write(ref _isStale, true);
        }
    }

    /// <inheritdoc/>
    public override void Start(ulong features, IReadOnlyList<VirtqueueLayout> queues, IVirtioInterrupts interrupts)
    {
        ArgumentNullException.ThrowIfNull(queues);
        lock (_wire)
        {
            try
            {
                _frontend.SetFeatures((features & _negotiated) | (_negotiated & VhostUserFeatures.ProtocolFeatures));
                ShareMemory();
                Volatile.Write(ref _interrupts, interrupts);
                for (int i = 0; i < queues.Count; i++)
                {
                    if (queues[i].IsEnabled)
                    {
                        StartQueue(i, queues[i], (features & VirtioFeatures.PackedRing) != 0);
                    }
                }
            }
            catch (Exception e) when (e is VhostUserException or IOException)
            {
                throw new VirtioFrontEndException($"the back end does not start: {e.Message}", e);
            }
        }
    }

    /// <inheritdoc/>
    public override void Stop() => Suspend();

    /// <inheritdoc/>
    public override IReadOnlyList<RingPosition?> Suspend()
    {
        lock (_wire)
        {
            Volatile.Write(ref _interrupts, null);
            try
            {
                var positions = new RingPosition?[_sizes.Length];
                foreach (int queue in _running)
                {
                    positions[queue] = _frontend.GetVringBase(queue);
                }

                return positions;
            }
            catch (Exception e) when (e is VhostUserException or IOException)
            {
                throw new VirtioFrontEndException($"the back end does not stop: {e.Message}", e);
            }
            finally
            {
                _running.Clear();
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _end.Ring();
        _thread.Join();
        _frontend.Dispose();
        _waiter.Dispose();
        foreach (Doorbell doorbell in (Doorbell[])[.. _kicks, .. _calls, _error, _end])
        {
            doorbell.Dispose();
        }
    }

    private int CountQueues(VhostUserDeviceOptions options)
    {
        bool canHaveSeveral = (_frontend.ProtocolFeatures & VhostUserProtocolFeatures.MultiQueue) != 0;
        ulong most = canHaveSeveral ? _frontend.GetQueueCount() : ulong.MaxValue;
        ulong count = options.CountQueues is { } counter ? counter(Features, most) : Math.Min(most, (ulong)options.QueueCount);
        return count is >= 1 and <= MostQueues
            ? (int)count
            : throw new VhostUserException($"the back end has {count} queues; 1 to {MostQueues} are possible");
    }

    private void ReadConfigAnew()
    {
        if ((_frontend.ProtocolFeatures & VhostUserProtocolFeatures.Config) != 0 && _config.Length > 0)
        {
            _frontend.GetConfig(0, _config);
        }

        _configStart.Span.CopyTo(_config);
    }

    private void ShareMemory()
    {
        if (_isShared)
        {
            return;
        }

        List<Grant> grants = [];
        try
        {
            List<VhostUserRegion> regions = [];
            foreach (GuestMemoryRegion region in _memory.Regions)
            {
                grants.Add(region.Memory.Share(out ulong offset) ?? throw new VhostUserException($"the guest's memory at 0x{region.GuestAddress:x} cannot be granted"));
                regions.Add(new(region.GuestAddress, region.UserAddress, region.Length, offset + region.Offset));
            }

            _frontend.ShareMemory(regions, [.. grants]);
            _isShared = true;
        }
        finally
        {
            grants.ForEach(grant => grant.Dispose());
        }
    }

    private void StartQueue(int index, VirtqueueLayout queue, bool isPacked)
    {
        int size = queue.Size;
        ulong descriptors = ToUser(queue.Descriptors, 16 * size, index);
        ulong driver = ToUser(queue.Driver, isPacked ? 4 : 6 + (2 * size), index);
        ulong device = ToUser(queue.Device, isPacked ? 4 : 6 + (8 * size), index);
        _running.Add(index);
        _frontend.SetVringSize(index, queue.Size);
        _frontend.SetVringBase(index, queue.Position ?? RingPosition.Start);
        _frontend.SetVringAddresses(index, descriptors, device, driver);
        _frontend.SetVringError(index, _error);
        _frontend.SetVringCall(index, _calls[index]);
        _frontend.SetVringKick(index, _kicks[index]);
        if ((_negotiated & VhostUserFeatures.ProtocolFeatures) != 0)
        {
            _frontend.SetVringEnabled(index, true);
        }
    }

    private ulong ToUser(ulong address, int length, int queue)
    {
        GuestMemoryRegion? region = _memory.Regions.FirstOrDefault(r => address >= r.GuestAddress && address - r.GuestAddress < r.Length);
        return region is not null && (ulong)length <= region.Length - (address - region.GuestAddress)
            ? region.UserAddress + (address - region.GuestAddress)
            : throw new VhostUserException($"queue {queue} has {length} bytes at 0x{address:x}, which is not in the guest's memory");
    }

    private void OnConfigChanged()
    {
        Volatile.Write(ref _isStale, true);
        Volatile.Read(ref _interrupts)?.NotifyConfiguration();
    }

    private void Wait()
    {
        while (true)
        {
            ulong rang = _waiter.Wait(DoorbellWaiter.Forever);
            IVirtioInterrupts? interrupts = Volatile.Read(ref _interrupts);
            if ((rang >> EndBit & 1) != 0)
            {
                return;
            }

            if ((rang >> ErrorBit & 1) != 0)
            {
                interrupts?.Fail();
            }

            for (int i = 0; i < _calls.Length; i++)
            {
                if ((rang >> i & 1) != 0)
                {
                    interrupts?.NotifyQueue(i);
                }
            }
        }
    }
}

/// <summary>What a device is that a back end serves.</summary>
public sealed record VhostUserDeviceOptions
{
    /// <summary>The kind of device ([VIRTIO-1.3] 5).</summary>
    public required uint DeviceType { get; init; }

    /// <summary>The most queues, 1 to <see cref="VhostUserDevice.MostQueues"/>; the back end may have fewer.</summary>
    public int QueueCount { get; init; } = 1;

    /// <summary>The most descriptors of a queue.</summary>
    public ushort QueueSize { get; init; } = 256;

    /// <summary>In the place of <see cref="QueueCount"/>: the number of queues, of the features offered and of what the back end says is its most (all ones where it does not say).</summary>
    public Func<ulong, ulong, ulong>? CountQueues { get; init; }

    /// <summary>What the configuration begins with, whatever the back end says.</summary>
    public ReadOnlyMemory<byte> ConfigStart { get; init; }

    /// <summary>What the guest is offered, of what the back end offers and whether it gives a configuration. What it adds is not the back end's to know.</summary>
    public Func<ulong, bool, ulong> Offer { get; init; } = static (features, _) => features;

    /// <summary>Length of the configuration in bytes.</summary>
    public required int ConfigLength { get; init; }

    /// <summary>Features that the guest is not offered, whatever the back end has.</summary>
    public ulong WithheldFeatures { get; init; }
}
