using System.Security.Cryptography;
using Makatea.NetStack;
using Makatea.Platform;
using Makatea.Virtio.Net;

namespace Makatea.Domains.Net;

/// <summary>
/// A network of front ends alone: everybody who connects to its listener gets a network device, whose other end is a port of one switch. One thread forwards for all. What goes wrong with one front
/// end ends its connection, and the others go on.
/// </summary>
public sealed class NetBackend : IDisposable
{
    private static readonly NetQueueOptions _queues = new() { ReceiveDepth = 256, TransmitDepth = 128 };

    private readonly ComponentHost _host;
    private readonly NetBackendOptions _options;
    private readonly ComponentLogger _logger;
    private readonly Grant _grant;
    private readonly MappedMemory _memory;
    private readonly FramePool _frames;
    private readonly ForwardingLoop _loop;
    private readonly Lock _lock = new();
    private readonly NetConnection?[] _connections;
    private ChannelListener? _listener;
    private bool _isClosed;

    /// <summary>Makes it; <see cref="Serve"/> serves.</summary>
    /// <exception cref="ArgumentException">An option is not possible; the message says what is.</exception>
    public NetBackend(ComponentHost host, NetBackendOptions options, ComponentLogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        DeviceOptions(options, 0).Check();
        _host = host;
        _options = options;
        _logger = logger ?? ComponentLogger.None;
        _connections = new NetConnection?[options.MaxPorts];
        int perPort = _queues.ReceiveDepth + FramePool.MaxParts + Math.Max(2 * _queues.TransmitDepth, FramePool.MaxParts);

        // And as many again for copies of what goes to all.
        ulong length = (ulong)((options.MaxPorts * perPort) + (2 * perPort)) * FramePool.BufferLength;
        _grant = host.CreateMemory("frames", length);
        _memory = _grant.Map(0, length, MemoryAccess.ReadWrite);
        _frames = new FramePool(_memory);
        IForwarder forwarder = options.Mode switch
        {
            NetBackendMode.Loopback => new LoopbackForwarder(),
            NetBackendMode.Sink => new SinkForwarder(),
            _ => new Switch(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)))),
        };
        _loop = new ForwardingLoop(host, new ForwardingPlane(_frames, forwarder), new() { Name = options.Name, PollTime = options.PollTime });
        _loop.Start();
    }

    /// <summary>Serves everybody who connects, until <see cref="Close"/> or, where the listener is a connection, until that ends. The listener stays the caller's.</summary>
    public void Serve(ChannelListener listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        lock (_lock)
        {
            _listener = listener;
            if (_isClosed)
            {
                return;
            }
        }

        while (Accept(listener) is { } channel)
        {
            Connect(channel);
        }

        foreach (NetConnection? connection in _connections)
        {
            connection?.Wait();
        }
    }

    /// <summary>Ends all connections and the wait for others. From any thread, more than once.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _isClosed = true;
            _listener?.Close();
            foreach (NetConnection? connection in _connections)
            {
                connection?.Close();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        foreach (NetConnection? connection in _connections)
        {
            connection?.Wait();
        }

        _loop.Dispose();
        _frames.Dispose();
        _memory.Dispose();
        _grant.Dispose();
    }

    private static VirtioNetOptions DeviceOptions(NetBackendOptions options, int port) => new()
    {
        Name = options.MaxPorts == 1 ? options.Name : $"{options.Name}.{port}",

        // Front ends with addresses of their own, such as QEMU, do not ask for it.
        Address = new MacAddress(0x5254_004d_4b00 + (ulong)port),
        Mtu = options.Mtu,
        QueuePairs = options.QueuePairs,
        MaxQueueSize = options.MaxQueueSize,
    };

    private MessageChannel? Accept(ChannelListener listener)
    {
        while (true)
        {
            try
            {
                return listener.Accept();
            }
            catch (IOException e)
            {
                // What is short may come free.
                NetBackendLog.AcceptFailed(_logger, _options.Name, e.Message);
                Thread.Sleep(100);
            }
        }
    }

    private void Connect(MessageChannel channel)
    {
        lock (_lock)
        {
            int port = Array.FindIndex(_connections, c => c is null || c.HasEnded);
            if (_isClosed || port < 0)
            {
                NetBackendLog.Refused(_logger, _options.Name, _options.MaxPorts);
                channel.Dispose();
                return;
            }

            _connections[port]?.Wait();
            _connections[port] = new NetConnection(new VirtioNetDevice(DeviceOptions(_options, port)), channel, _host, _loop, _queues, _logger);
        }
    }
}
