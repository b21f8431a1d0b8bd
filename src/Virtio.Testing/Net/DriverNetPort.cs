using Makatea.Platform;
using Makatea.Virtio.Net;

namespace Makatea.Virtio.Testing;

/// <summary>
/// The driver side of a virtio-net device over vhost-user, as a port: how one net domain is connected to the next, and how a component without a machine around it is on a network. It
/// plays virtual machine monitor and guest at once, with one pair of queues. Memory and queue outlive the connection, so that a device that died is followed by another
/// (<see cref="Reconnect"/>).
/// </summary>
public sealed class DriverNetPort : NetPort
{
    private readonly ComponentHost _host;
    private readonly DriverNetOptions _options;
    private readonly GuestArena _arena;
    private readonly Lock _lock = new();
    private VhostUserFrontend _frontend;
    private DriverNetQueue? _queue;
    private NetDriverConfig? _config;
    private readonly ulong _features;
    private volatile bool _hasFailed;

    /// <summary>Negotiates with the device on <paramref name="channel"/>. Frames go when the queue is open.</summary>
    /// <exception cref="VhostUserException">The device refused something.</exception>
    public DriverNetPort(MessageChannel channel, ComponentHost host, DriverNetOptions? options = null)
    {
        _host = host.For(channel);
        _options = options ?? new();
        _arena = new GuestArena(_host, new GuestRange(_options.MemoryAddress, _options.MemoryLength));
        _frontend = new VhostUserFrontend(channel, host);
        _features = Negotiate();
    }

    /// <summary>Features that are used.</summary>
    public ulong Features => _features;

    /// <summary>The connection.</summary>
    public VhostUserFrontend Frontend => _frontend;

    /// <inheritdoc/>
    public override NetPortInfo Info => new()
    {
        Address = _config?.Address ?? default,
        Mtu = Has(NetFeatures.Mtu) && _config is not null ? _config.Mtu : 1500,
        IsLinkUp = _queue is not null && !_hasFailed && (!Has(NetFeatures.Status) || _config is null || _config.IsLinkUp),
        Transmit = NetFeatures.TakenBy(NetFeatures.Mirror(_features)),
        Receive = NetFeatures.OfferedTo(NetFeatures.Mirror(_features)),
        MaxSegments = 64,
        MaxSegmentedLength = Has(NetFeatures.HostTso4 | NetFeatures.HostTso6 | NetFeatures.HostUso) ? 65535 : 0,
    };

    /// <inheritdoc/>
    public override NetQueue OpenQueue(int index, NetQueueOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(index, 0);
        lock (_lock)
        {
            if (_queue is not null)
            {
                throw new ArgumentException("the queue was opened; a port of a driver has one, for life", nameof(index));
            }

            _queue = Has(VirtioFeatures.PackedRing)
                ? new DriverNetQueueOf<PackedDriverRing>(_arena, _host, _features, _options.QueueSize, options)
                : new DriverNetQueueOf<SplitDriverRing>(_arena, _host, _features, _options.QueueSize, options);
            _queue.Failed = _ => Fail();
            Start();
        }

        OnInfoChanged();
        return _queue;
    }

    /// <summary>Goes on with another device after the connection was lost: the rings start anew, and what was in them is lost.</summary>
    /// <exception cref="VhostUserException">The device refused something, or offers less than the one before.</exception>
    public void Reconnect(MessageChannel channel)
    {
        lock (_lock)
        {
            _frontend.Dispose();
            _frontend = new VhostUserFrontend(channel, _host);
            ulong features = Negotiate();
            if ((_features & ~features) != 0)
            {
                throw new VhostUserException($"features 0x{_features:x} were negotiated before, the new device takes 0x{features & _features:x} of them");
            }

            if (_queue is { } queue)
            {
                queue.Restart();
                _hasFailed = false;
                Start();
            }
        }

        OnInfoChanged();
    }

    /// <summary>Does nothing: the device sends what is for this port.</summary>
    public override void SetFilter(NetFilter filter)
    {
    }

    /// <inheritdoc/>
    public override NetStatistics ReadStatistics() => _queue?.Statistics ?? default;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _frontend.Dispose();
        _arena.Dispose();
    }

    private ulong Negotiate()
    {
        _frontend.ConfigChanged += OnConfigChanged;
        ulong features = _frontend.Negotiate(_options.Features, _options.ProtocolFeatures);
        ReadConfig();
        return features;
    }

    private void Start()
    {
        _frontend.SetFeatures(_features);
        _frontend.ShareMemory(_arena);
        (Doorbell kick, Doorbell call) = _queue!.ReceiveBells;
        _frontend.StartVring(0, _queue.ReceiveSetup.Areas, RingPosition.Start, kick, call);
        (kick, call) = _queue.TransmitBells;
        _frontend.StartVring(1, _queue.TransmitSetup.Areas, RingPosition.Start, kick, call);
        if ((_frontend.ProtocolFeatures & VhostUserProtocolFeatures.Status) != 0)
        {
            _frontend.SetStatus(0xf);
        }
    }

    private void ReadConfig()
    {
        if ((_frontend.ProtocolFeatures & VhostUserProtocolFeatures.Config) != 0)
        {
            byte[] bytes = new byte[NetDriverConfig.Length];
            _frontend.GetConfig(0, bytes);
            _config = new NetDriverConfig(bytes);
        }
    }

    private bool Has(ulong feature) => (_features & feature) != 0;

    /// <summary>On a thread of the front end's.</summary>
    private void OnConfigChanged()
    {
        try
        {
            lock (_lock)
            {
                ReadConfig();
            }
        }
        catch (VhostUserException)
        {
            // The connection is at its end, which its owner learns elsewhere.
            return;
        }

        OnInfoChanged();
    }

    private void Fail()
    {
        _hasFailed = true;
        OnInfoChanged();
    }
}
