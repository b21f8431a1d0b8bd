using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// A virtio network device ([VIRTIO-1.3] 5.1): a guest's interface, whose other end is <see cref="Port"/>. Checksums and segmentation are left to whoever sends a frame on, both ways; receive
/// buffers merge; queues are steered by flow or by receive-side scaling; the control virtqueue is served here, unless the front end has its own.
/// </summary>
/// <remarks>
/// In-flight buffers are not tracked: after a crash the next of us takes what was taken and not given back once more, so that frames may be lost or doubled, as on any network.
/// </remarks>
public sealed class VirtioNetDevice : VirtioDevice
{
    private readonly VirtioNetOptions _options;
    private readonly VirtioNetPort _port;
    private readonly VirtioNetMetrics? _metrics;
    private readonly Lock _lock = new();
    private NetGuestState _state = NetGuestState.None;
    private bool _announces;
    private int _mtu;

    /// <summary>Makes a device.</summary>
    /// <param name="options">How it is presented.</param>
    /// <exception cref="ArgumentException">An option is outside what is allowed; the message says what is.</exception>
    public VirtioNetDevice(VirtioNetOptions options)
    {
        options.Check();
        _options = options;
        _mtu = options.Mtu;
        _port = new VirtioNetPort(options);
        _metrics = MetricsSwitch.IsOn ? new VirtioNetMetrics(options.Name, _port.Counters) : null;
        Features = OfferedFeatures(options);
    }

    /// <inheritdoc/>
    public override string Name => _options.Name;

    /// <inheritdoc/>
    public override uint DeviceId => 1;

    /// <inheritdoc/>
    public override int QueueCount => (2 * _options.QueuePairs) + (_options.ControlQueue ? 1 : 0);

    /// <summary>Number of pairs of queues, which is what front ends ask for by VHOST_USER_GET_QUEUE_NUM.</summary>
    public int QueuePairs => _options.QueuePairs;

    /// <inheritdoc/>
    public override ushort MaxQueueSize => _options.MaxQueueSize;

    /// <inheritdoc/>
    public override ulong Features { get; }

    /// <inheritdoc/>
    public override int ConfigLength => NetConfigSpace.Length;

    /// <summary>The other end of the guest's interface. It ends with the device.</summary>
    public VirtioNetPort Port => _port;

    /// <summary>What was counted.</summary>
    public NetCounters Counters => _port.Counters;

    /// <summary>The link, as the guest sees it: while it is down, frames for it are dropped.</summary>
    public bool IsLinkUp
    {
        get => _port.IsUp;
        set
        {
            if (_port.IsUp != value)
            {
                _port.SetLink(value);
                OnConfigChanged();
            }
        }
    }

    /// <inheritdoc/>
    public override void ReadConfig(int offset, Span<byte> destination)
    {
        Span<byte> config = stackalloc byte[NetConfigSpace.Length];
        lock (_lock)
        {
            MacAddress address = _state.Filter.Address.Value == 0 ? _options.Address : _state.Filter.Address;
            NetConfigSpace.Write(config, _options, address, _mtu, IsLinkUp, _announces);
        }

        destination.Clear();
        if (offset >= 0 && offset < config.Length)
        {
            config[offset..Math.Min(config.Length, offset + destination.Length)].CopyTo(destination);
        }
    }

    /// <summary>Writes nothing: every field is read-only ([VIRTIO-1.3] 5.1.4).</summary>
    public override bool WriteConfig(int offset, ReadOnlySpan<byte> source, ulong negotiatedFeatures) => false;

    /// <inheritdoc/>
    public override void AcceptFeatures(ulong features)
    {
        if (NetFeatures.Lacks(features) is { } lacks)
        {
            throw new ArgumentException($"features 0x{features:x}: {lacks} ([VIRTIO-1.3] 5.1.3.1)");
        }

        lock (_lock)
        {
            // Repeated when logging is switched: what the driver commanded stays.
            if (features != _state.Features)
            {
                SetState(Start(features));
            }
        }
    }

    /// <summary>Asks the guest to tell its neighbours where it is, if its driver can (VIRTIO_NET_F_GUEST_ANNOUNCE).</summary>
    /// <returns>False where it cannot.</returns>
    public bool AskToAnnounce()
    {
        lock (_lock)
        {
            if ((_state.Features & NetFeatures.GuestAnnounce) == 0)
            {
                return false;
            }

            _announces = true;
        }

        OnConfigChanged();
        return true;
    }

    /// <summary>Tells the network where the guest is, in its stead.</summary>
    /// <param name="station">Its address.</param>
    public void Announce(MacAddress station) => _port.Announce(station);

    /// <summary>The front end says the MTU that it told the driver.</summary>
    /// <returns>False where it is more than the device's, or too small.</returns>
    public bool TrySetMtu(ulong mtu)
    {
        if (mtu < 68 || mtu > (ulong)_options.Mtu)
        {
            return false;
        }

        lock (_lock)
        {
            _mtu = (int)mtu;
        }

        _port.SetMtu((int)mtu);
        return true;
    }

    /// <inheritdoc/>
    public override QueueWorker CreateWorker(QueueSetup setup)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(setup.Size, MaxQueueSize);
        int pairs = (setup.Features & (NetFeatures.MultiQueue | NetFeatures.Rss)) != 0 ? QueuePairs : 1;
        if ((setup.Features & NetFeatures.ControlQueue) != 0 && setup.Index == 2 * pairs)
        {
            QueueLoopOptions loop = new() { Name = $"{Name}/control", Counters = Counters.Control, PollTime = TimeSpan.Zero };
            return QueueLoop.Create(setup, new NetControlHandler(this, setup), loop);
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(setup.Index, 2 * pairs);
        QueueSetup start = GuestRing.StartOf(setup);
        return new NetRingWorker(_port, (setup.Features & VirtioFeatures.PackedRing) != 0
            ? CreateRing(start, new PackedRing(start))
            : CreateRing(start, new SplitRing(start)));
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        lock (_lock)
        {
            _announces = false;
            _mtu = _options.Mtu;
            SetState(NetGuestState.None);
        }

        _port.SetMtu(_options.Mtu);
    }

    /// <summary>Carries out a command of the driver's. It holds when this returns.</summary>
    /// <returns>False where it is refused.</returns>
    internal bool Execute(ReadOnlySpan<byte> command)
    {
        lock (_lock)
        {
            Counters.Commands++;
            NetGuestState state = _state;
            if (!NetControl.TryExecute(ref state, QueuePairs, command))
            {
                Counters.RefusedCommands++;
                return false;
            }

            _announces &= !NetControl.IsAnnounceAck(command);
            if (!ReferenceEquals(state, _state))
            {
                SetState(state);
            }

            return true;
        }
    }

    /// <summary>Counts a command that is refused unread.</summary>
    internal bool Refuse()
    {
        Counters.Commands++;
        Counters.RefusedCommands++;
        return false;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _port.End();
        _metrics?.Dispose();
    }

    private static ulong OfferedFeatures(VirtioNetOptions options)
    {
        ulong features = VirtioFeatures.Rings | NetFeatures.Mac | NetFeatures.Mtu | NetFeatures.Status | NetFeatures.MergeableBuffers | NetFeatures.GuestAnnounce
            | NetFeatures.SpeedDuplex;
        features |= options.Offloads ? NetFeatures.HostOffloads | NetFeatures.GuestOffloads : 0;
        features |= options.QueuePairs > 1 ? NetFeatures.MultiQueue : 0;
        if (!options.ControlQueue)
        {
            return features;
        }

        features |= NetFeatures.Control | NetFeatures.HashReport;
        features |= options.QueuePairs > 1 ? NetFeatures.Rss : 0;
        features &= options.AddressChanges ? ~0ul : ~NetFeatures.ControlMacAddress;
        return options.Offloads ? features : features & ~NetFeatures.ControlGuestOffloads;
    }

    /// <summary>What holds before the driver commands anything. Without a control queue of ours, all pairs that run are used: the front end enables them.</summary>
    private NetGuestState Start(ulong features) => new()
    {
        Features = features,
        Offloads = features & NetFeatures.GuestOffloads,
        Filter = new NetReceiveFilter
        {
            Address = _options.Address,

            // Frames that are tagged with a priority alone have VLAN 0.
            Vlans = (features & NetFeatures.ControlVlan) != 0 ? [1, .. new ulong[63]] : null,
        },
        Steering = NetSteering.Single with { Pairs = (features & NetFeatures.ControlQueue) != 0 ? 1 : 0 },
    };

    private void SetState(NetGuestState state)
    {
        _state = state;
        _port.SetState(state);
    }

    private GuestRing CreateRing<TRing>(QueueSetup setup, TRing ring)
        where TRing : struct, IDeviceRing, IDisposable =>
        (setup.Index & 1) != 0
            ? new GuestSendRingOf<TRing>(setup, ring, Counters)
            : new GuestReceiveRingOf<TRing>(setup, ring, Counters);
}
