using Makatea.NetStack;
using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Sel4.Programs;

/// <summary>
/// A guest's network: one interface by virtio-net, with a stack of its own behind it that gets its address by DHCP. A net domain that dies is followed by the next, and connections go on.
/// </summary>
internal sealed class GuestNetwork : IDisposable
{
    private const int Buffers = 2048;
    private const int Flows = 256;
    private static readonly TimeSpan _lookInterval = TimeSpan.FromMilliseconds(200);

    private readonly Func<MessageChannel> _connect;
    private readonly Func<MessageChannel, bool> _isEnded;
    private readonly Action<string> _tell;
    private readonly OwnMemory _buffers = new(Buffers * FramePool.BufferLength);
    private readonly OwnMemory _flows = new(ConnectionTracker.MemoryFor(Flows));
    private readonly LocalDispatcher _local = new();
    private readonly NetRandom _random = NetRandom.Create();
    private readonly FramePool _frames;
    private readonly DriverNetPort _port;
    private readonly Router _router;
    private readonly ForwardingLoop _loop;
    private readonly TcpHost _tcp;
    private readonly Echo _echo;
    private readonly TaskCompletionSource<DhcpLease> _lease = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private MessageChannel _channel;

    /// <summary>Connects, and asks for an address.</summary>
    /// <param name="host">Where this runs.</param>
    /// <param name="connect">Opens a channel to the domain, and waits for one to serve it.</param>
    /// <param name="isEnded">Whether the domain at a channel's other end is gone.</param>
    /// <param name="tell">Told of domains that come and go.</param>
    public GuestNetwork(ComponentHost host, Func<MessageChannel> connect, Func<MessageChannel, bool> isEnded, Action<string> tell)
    {
        _connect = connect;
        _isEnded = isEnded;
        _tell = tell;
        _channel = connect();

        // As a disk's, its channel is one of the system's, and there is no second for the domain's own messages, which are of links that go.
        var options = new DriverNetOptions();
        _port = new DriverNetPort(_channel, host, options with { ProtocolFeatures = options.ProtocolFeatures & ~VhostUserProtocolFeatures.BackendRequest });
        _frames = new FramePool(_buffers);
        var tracker = new ConnectionTracker(_flows.Slice(0, (int)_flows.Length), new ConnectionTrackerOptions { Flows = Flows, FlowsPerQube = Flows, Qubes = 1, Secret = _random.NextKey() }, 0);
        _router = new Router(_frames, tracker, _local);
        _loop = new ForwardingLoop(host, _router.Plane);
        var udp = new UdpHost(_router, _random);
        _tcp = new TcpHost(_router, _random, new ForwardingScheduler(_loop));
        _echo = new Echo(_router, _random);
        _local.SetReceiver(IpProtocol.Udp, udp);
        _local.SetReceiver(IpProtocol.Tcp, _tcp);
        _local.SetReceiver(IpProtocol.Icmp4, _echo);
        _local.AddTimer(_tcp);
        _loop.Start();
        ForwardingPort attached = _loop.AttachAsync(_port, "eth0").GetAwaiter().GetResult();
        _loop.RunAsync(() =>
        {
            _router.ConnectUplink(attached);
            var dhcp = new DhcpClient(_router, udp, _random, attached.Index, attached.Info.Address, Configure);
            _local.AddTimer(dhcp);
            dhcp.Start();
        }).GetAwaiter().GetResult();
    }

    /// <summary>The interface's address.</summary>
    public MacAddress Address => _port.Info.Address;

    /// <summary>Domains that died and were followed by another.</summary>
    public int Deaths { get; private set; }

    /// <summary>Waits for an address.</summary>
    /// <exception cref="TimeoutException">There is none in time.</exception>
    public DhcpLease WaitForLease(TimeSpan patience) => Wait(_lease.Task, patience, "no address by DHCP");

    /// <summary>Asks for an echo.</summary>
    /// <returns>How long it took.</returns>
    /// <exception cref="TimeoutException">None came in time.</exception>
    public TimeSpan Ping(IpAddress address, TimeSpan patience)
    {
        long started = TimeProvider.System.GetTimestamp();
        Task<long> echo = _loop.RunAsync(() => _echo.Ask(address)).GetAwaiter().GetResult();
        return TimeProvider.System.GetElapsedTime(started, Wait(echo, patience, $"no echo from {address}"));
    }

    /// <summary>Opens a connection.</summary>
    /// <exception cref="TcpException">It is not to be had.</exception>
    /// <exception cref="TimeoutException">Nobody answered in time.</exception>
    public TcpConnection Connect(IpAddress address, ushort port, TimeSpan patience) =>
        Wait(_loop.RunAsync(() => _tcp.ConnectAsync(address, port)).GetAwaiter().GetResult(), patience, $"no answer from {address}, port {port}");

    /// <summary>Waits for something of the network's, and looks after the domain meanwhile.</summary>
    /// <exception cref="TimeoutException">It did not end in time.</exception>
    public T Wait<T>(Task<T> task, TimeSpan patience, string fault)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (Task.WaitAny([task], _lookInterval) < 0)
        {
            if (_isEnded(_channel))
            {
                Follow();
            }
            else if (TimeProvider.System.GetElapsedTime(started) > patience)
            {
                throw new TimeoutException($"{fault} in {patience.TotalSeconds:0} s");
            }
        }

        return task.GetAwaiter().GetResult();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _loop.Dispose();
        _port.Dispose();
        _frames.Dispose();
        _flows.Dispose();
        _buffers.Dispose();
    }

    /// <summary>On the forwarding thread.</summary>
    private void Configure(DhcpLease? lease)
    {
        _router.SetUplink(lease is null ? new UplinkAddresses() : new UplinkAddresses
        {
            IPv4 = lease.Address,
            Network4 = new IpPrefix(lease.Address, lease.PrefixLength),
            Gateway4 = lease.Routes.Where(static r => r.Network.Length == 0).Select(static r => (IpAddress?)r.Router).FirstOrDefault(),
        });
        if (lease is not null)
        {
            _lease.TrySetResult(lease);
        }
    }

    private void Follow()
    {
        Deaths++;
        _tell("the net domain is gone");
        try
        {
            _channel = _connect();
            _port.Reconnect(_channel);
            _tell("another serves the network");
        }
        catch (Exception e) when (e is IOException or VhostUserException)
        {
            _tell($"that one is gone as well: {e.Message}");
        }
    }
}
