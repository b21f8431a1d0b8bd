using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Domains.Net;

/// <summary>
/// A component that is the network of its clients: a router on one forwarding thread, a virtio network device for each client, an uplink, connection tracking in memory that outlives the component, and
/// the services that clients expect. What goes wrong with one client's front end ends that connection; the others go on.
/// </summary>
public sealed partial class NetDomain : IDisposable
{
    private readonly NetDomainOptions _options;
    private readonly ComponentManifest _manifest;
    private readonly ComponentHost _host;
    private readonly ComponentGrants _grants;
    private readonly NetDomainSettings _settings;
    private readonly ComponentLogger _logger;
    private readonly List<string> _notices = [];
    private readonly List<IDisposable> _owned = [];
    private readonly List<ClientPort> _clients = [];
    private readonly HostNames _names = new();
    private readonly LocalDispatcher _local = new();
    private readonly RouterDiscovery _discovery = new();
    private readonly NetRandom _random = NetRandom.Create();
    private readonly ConnectionTracker _tracker;
    private readonly Router _router;
    private readonly ForwardingLoop _loop;
    private readonly UdpHost _udp;
    private readonly TcpHost _tcp;
    private readonly DnsResolver _resolver;
    private readonly ClientServices _services;
    private readonly NetDomainMetrics? _metrics;
    private NetPort? _uplinkPort;
    private NextDomain? _next;
    private ForwardingPort? _uplink;
    private UplinkAddressing? _addressing;
    private bool _isDisposed;

    /// <summary>Opens all that the manifest names; <see cref="Start"/> serves it.</summary>
    /// <param name="manifest">What the component was given.</param>
    /// <param name="host">Where it runs.</param>
    /// <param name="grants">Uses of what it was given.</param>
    /// <param name="settings">What else there is to say.</param>
    /// <exception cref="ArgumentException">The manifest asks for what there is not; the message names it.</exception>
    /// <exception cref="GrantException">A grant is not what the manifest says.</exception>
    /// <exception cref="IOException">Something granted cannot be used; the message says why.</exception>
    public NetDomain(ComponentManifest manifest, ComponentHost host, ComponentGrants grants, NetDomainSettings? settings = null)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        ArgumentNullException.ThrowIfNull(host);
        _options = NetDomainOptions.Read(manifest);
        _manifest = manifest;
        _host = host;
        _grants = grants;
        _settings = settings ?? new();
        _logger = _settings.Logger;
        try
        {
            MappedMemory connections = OpenMemory(_options.Connections, _options.ConnectionsLength, "the memory for its connections");
            _tracker = new ConnectionTracker(
                connections.Slice(0, (int)_options.ConnectionsLength),
                new ConnectionTrackerOptions
                {
                    Flows = _options.ConnectionLimit,
                    FlowsPerQube = Math.Max(1, _options.ConnectionLimit / 4),
                    Qubes = Math.Max(64, _options.Clients.Count),
                    Secret = _random.NextKey(),
                },
                MonotonicNow());
            NetLogMessages.Restored(_logger, _tracker.Count);
            _router = new Router(CreateFrames(), _tracker, _local, new GatewayOptions
            {
                GatewayMac = _options.Mac,
                Gateway4 = _options.Address4,
                Gateway6 = IpAddress.LinkLocal(_options.Mac),
                LocalAddresses = [_options.Address6, .. _options.NameServers],
            });
            _loop = new ForwardingLoop(host, _router.Plane, new ForwardingOptions { Name = manifest.Name });
            _udp = new UdpHost(_router, _random);
            _tcp = new TcpHost(_router, _random, new ForwardingScheduler(_loop), _settings.Tcp);
            var streams = new DnsStreamClient(_tcp);
            _resolver = new DnsResolver(_router, _udp, _random, streams);
            _services = new ClientServices(_options, _router, _udp, _tcp, _local, _discovery, _resolver, _random);
            _local.SetReceiver(IpProtocol.Udp, _udp);
            _local.SetReceiver(IpProtocol.Tcp, _tcp);
            _local.SetReceiver(IpProtocol.Icmp6, _discovery);
            _local.AddTimer(_tcp);
            _local.AddTimer(streams);
            _local.AddTimer(_resolver);
            _local.AddTimer(new NameLookups(_names, _resolver, _router));
            OpenUplink();
            foreach (ClientOptions client in _options.Clients)
            {
                _clients.Add(OpenClient(client));
            }

            _metrics = MetricsSwitch.IsOn ? new NetDomainMetrics(manifest.Name, Measure) : null;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What the user may want to know of how it serves.</summary>
    public IReadOnlyList<string> Notices => _notices;

    /// <summary>Starts to serve.</summary>
    /// <exception cref="IOException">A port cannot be served.</exception>
    public void Start()
    {
        _loop.Start();
        _loop.RunAsync(() => _tracker.SetTime(_settings.Clock.GetUtcNow().ToUnixTimeMilliseconds(), MonotonicNow())).GetAwaiter().GetResult();
        if (_uplinkPort is not null)
        {
            Connect(_uplinkPort);
        }

        foreach (ClientPort client in _clients)
        {
            Attach(client);
        }

        _loop.RunAsync(Publish).GetAwaiter().GetResult();
        _next?.Start();
        _clients.ForEach(c => c.Serve());
    }

    /// <summary>Ends all connections and gives everything back. Connections of clients stay known in the memory for them.</summary>
    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        _metrics?.Dispose();
        _clients.ForEach(c => c.Close());
        _clients.ForEach(c => c.Dispose());
        _loop?.Dispose();
        _next?.Dispose();
        _uplinkPort?.Dispose();
        for (int i = _owned.Count - 1; i >= 0; i--)
        {
            _owned[i].Dispose();
        }
    }

    private static long MonotonicNow() => TimeProvider.System.GetTimestamp() / Math.Max(1, TimeProvider.System.TimestampFrequency / 1000);

    private MappedMemory OpenMemory(string name, ulong length, string what)
    {
        ManifestGrant grant = _manifest.Grants.FirstOrDefault(g => g.Name == name)
            ?? throw new ArgumentException($"component '{_manifest.Name}' was not granted '{name}', {what}");
        using Grant memory = _grants.Open(grant);
        return Own(memory.Map(0, length, MemoryAccess.ReadWrite));
    }

    private FramePool CreateFrames()
    {
        var frames = new FramePool(_options.Frames is { } name ? OpenMemory(name, _options.FramesLength, "the memory for its frames") : MakeMemory("frames", _options.FramesLength));
        _owned.Add(frames);
        return frames;
    }

    private MappedMemory MakeMemory(string name, ulong length)
    {
        using Grant memory = _host.CreateMemory(name, length);
        return Own(memory.Map(0, length, MemoryAccess.ReadWrite));
    }

    private MappedMemory Own(MappedMemory memory)
    {
        _owned.Add(memory);
        return memory;
    }

    private void OpenUplink()
    {
        if (_options.Uplink is not { } uplink)
        {
            return;
        }

        ManifestGrant grant = UplinkOpener.Find(uplink, _manifest);
        if (uplink.Kind == UplinkKind.NetDomain)
        {
            using Grant right = _grants.Open(grant);
            _next = new NextDomain(right.OpenChannel(), _host, _logger, Connect);
        }
        else
        {
            _uplinkPort = UplinkOpener.Open(uplink.Kind, grant, _host, _grants, Notice);
        }
    }

    private ClientPort OpenClient(ClientOptions client)
    {
        IReadOnlyList<FirewallRule> rules = ClientRules.Parse(client.Name, client.Rules);
        ManifestGrant grant = _manifest.Grants.FirstOrDefault(g => g.Name == client.Listener)
            ?? throw new ArgumentException($"device '{client.Name}': the component was not granted its channel '{client.Listener}'");
        ChannelListener listener = grant.Type == GrantType.Channel ? OpenHanded(grant) : _grants.OpenListener(grant);
        try
        {
            return new ClientPort(_clients.Count, client, rules, listener, _host, _logger);
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    private HandedChannels OpenHanded(ManifestGrant grant)
    {
        using Grant right = _grants.Open(grant);
        return new HandedChannels(right.OpenChannel(), asks: true);
    }

    private void Notice(string notice)
    {
        _notices.Add(notice);
        NetLogMessages.Noticed(_logger, notice);
    }
}
