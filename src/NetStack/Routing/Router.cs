namespace Makatea.NetStack;

/// <summary>
/// What a net domain does with packets, in the way of Qubes: a port for each qube, which has fixed addresses and cannot lie about them, and an uplink. Qubes see nothing of each other but what rules allow:
/// the domain answers ARP and neighbour discovery with an address of its own, and passes no frame for a group on. What may pass, and as whom, the <see cref="ConnectionTracker"/> says.
/// </summary>
/// <remarks>
/// All calls are made on the forwarding thread; ports, addresses and limits change between two turns. A frame's way:
/// <code>
/// qube:   source addresses | limits | fragments put together | local or tracker | hop limit, MTU | translate | next hop | (cut) | send
/// uplink: destination, source | fragments put together | tracker, local | hop limit, MTU | translate | send
/// </code>
/// </remarks>
public sealed partial class Router : IForwarder
{
    /// <summary>Buffers that a router may hold for each port: fragments, and packets whose next hop is asked for.</summary>
    public const int BuffersHeld = Reassembler.MaxBuffers + NeighbourCache.MaxBuffers;

    private readonly GatewayOptions _options;
    private readonly ConnectionTracker _tracker;
    private readonly LocalDispatcher _local;
    private readonly ForwardingPlane _plane;
    private readonly FramePool _frames;
    private readonly NeighbourCache _neighbours;
    private readonly Dictionary<UInt128, RouterPort?> _destinations = [];
    private readonly byte[] _linear = new byte[FramePool.MaxLength];
    private RouterPort?[] _ports = [];
    private RouterPort?[] _qubes = [];
    private RouterPort? _uplink;
    private UplinkAddresses _addresses = new();
    private IpAddress _uplinkLinkLocal;
    private uint _identification = (uint)Random.Shared.Next();
    private long _trackerDeadline;

    /// <summary>Makes a router without ports, and the plane that it forwards on.</summary>
    /// <param name="frames">Where all frames are.</param>
    /// <param name="tracker">Says what may pass.</param>
    /// <param name="local">The domain's own services.</param>
    /// <param name="options">How it is to be.</param>
    public Router(FramePool frames, ConnectionTracker tracker, LocalDispatcher local, GatewayOptions? options = null)
    {
        _options = options ?? new();
        _tracker = tracker;
        _local = local;
        _frames = frames;
        _plane = new(frames, this);
        _neighbours = new(frames, new UplinkNeighbours(this));
        foreach (IpAddress address in (IpAddress[])[_options.Gateway4, _options.Gateway6, .. _options.LocalAddresses])
        {
            _destinations[address.Value] = null;
        }
    }

    /// <summary>Where it forwards: for a <see cref="ForwardingLoop"/>, which attaches ports.</summary>
    public ForwardingPlane Plane => _plane;

    /// <summary>The uplink's addresses, as they were set last.</summary>
    public UplinkAddresses Uplink => _addresses;

    int IForwarder.BuffersHeld => BuffersHeld;

    /// <summary>Says who is at a port that was attached. Until then nothing passes there.</summary>
    /// <exception cref="ArgumentException">Another port has one of the addresses, or the number.</exception>
    public void ConnectQube(ForwardingPort port, QubeLink link)
    {
        if (link.IPv4 is { IsIPv4: false } || link.IPv6 is { IsIPv4: true })
        {
            throw new ArgumentException($"port {port.Name}: an address of the other family", nameof(link));
        }

        foreach (IpAddress? address in (IpAddress?[])[link.IPv4, link.IPv6])
        {
            if (address is { } used && (used.IsUnspecified || used.IsMulticast || used.IsLoopback || _destinations.ContainsKey(used.Value)))
            {
                throw new ArgumentException($"port {port.Name}: {used} is another's, or can be nobody's", nameof(link));
            }
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)link.Number, (uint)ushort.MaxValue);
        if (QubeOf(link.Number) is { } other)
        {
            throw new ArgumentException($"port {port.Name}: number {link.Number} is that of port {other.Port.Name}", nameof(link));
        }

        var connected = new RouterPort(port, link, _options, _frames, _plane.Now);
        Set(ref _ports, port.Index, connected);
        Set(ref _qubes, link.Number, connected);
        foreach (IpAddress? address in (IpAddress?[])[link.IPv4, link.IPv6])
        {
            if (address is { } used)
            {
                _destinations[used.Value] = connected;
            }
        }
    }

    /// <summary>Says that a port that was attached is the uplink. There is one at a time.</summary>
    public void ConnectUplink(ForwardingPort port)
    {
        if (_uplink is not null)
        {
            throw new InvalidOperationException($"port {port.Name}: port {_uplink.Port.Name} is the uplink");
        }

        _uplink = new(port, port.Info.Address, _options, _frames, _plane.Now);
        _uplinkLinkLocal = IpAddress.LinkLocal(port.Info.Address);
        Set(ref _ports, port.Index, _uplink);
    }

    /// <summary>Sets the uplink's addresses. Connections from addresses that it has no longer end.</summary>
    public void SetUplink(UplinkAddresses addresses)
    {
        if (addresses.IPv4 != _addresses.IPv4 || addresses.IPv6 != _addresses.IPv6)
        {
            _tracker.SetUplink(addresses.IPv4, addresses.IPv6);
        }

        _addresses = addresses;
        _neighbours.Clear();
        if (_uplink is not null)
        {
            BeginAnnouncing(_uplink);
        }
    }

    /// <summary>Sets the limits of a qube's port to those of <paramref name="link"/>, whose addresses stay the same.</summary>
    public void SetLimits(ForwardingPort port, QubeLink link) => Find(port.Index)?.SetLimits(link, _plane.Now);

    /// <summary>How many packets that came in at a port were dropped for a reason.</summary>
    public ulong Dropped(int port, DropReason reason) => Find(port) is { } found ? found.Drops[(int)reason] : 0;

    /// <inheritdoc/>
    void IForwarder.Forward(ForwardingPlane plane, int port, ReadOnlySpan<int> frames)
    {
        RouterPort? ingress = Find(port);
        foreach (int frame in frames)
        {
            if (ingress is null)
            {
                _frames.Free(frame);
                continue;
            }

            DropReason reason = ingress == _uplink ? FromUplink(ingress, frame) : FromQube(ingress, frame);
            if (reason != DropReason.None)
            {
                ingress.Count(reason);
                _frames.Free(frame);
            }
        }
    }

    /// <inheritdoc/>
    long IForwarder.Tick(ForwardingPlane plane, long now)
    {
        long next = Math.Min(_local.Tick(now), _neighbours.Tick(now));
        if (now >= _trackerDeadline)
        {
            _trackerDeadline = _tracker.Tick(now);
        }

        foreach (RouterPort? port in _ports)
        {
            if (port is not null)
            {
                next = Math.Min(next, Math.Min(Announce(port, now), port.Fragments.Tick(now, out int lost)));
                port.Count(DropReason.LostFragment, lost);
            }
        }

        return Math.Min(next, _trackerDeadline);
    }

    /// <inheritdoc/>
    void IForwarder.PortChanged(ForwardingPlane plane, int port)
    {
        if (Find(port) is not { } gone)
        {
            return;
        }

        if (plane.Port(port) is not null)
        {
            LinkChanged(gone);
            return;
        }

        gone.Fragments.Clear();
        _ports[port] = null;
        if (gone == _uplink)
        {
            _neighbours.Clear();
            _uplink = null;
            return;
        }

        _qubes[gone.Qube!.Number] = null;
        foreach (IpAddress address in (IpAddress[])[gone.Peer4, gone.Peer6])
        {
            if (_destinations.TryGetValue(address.Value, out RouterPort? owner) && owner == gone)
            {
                _destinations.Remove(address.Value);
            }
        }
    }

    private static void Set(ref RouterPort?[] ports, int index, RouterPort port)
    {
        if (index >= ports.Length)
        {
            Array.Resize(ref ports, index + 1);
        }

        ports[index] = port;
    }

    private RouterPort? Find(int port) => (uint)port < (uint)_ports.Length ? _ports[port] : null;

    private RouterPort? QubeOf(int number) => (uint)number < (uint)_qubes.Length ? _qubes[number] : null;
}
