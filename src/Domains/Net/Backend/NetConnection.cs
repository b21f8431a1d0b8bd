using Makatea.NetStack;
using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Net;

namespace Makatea.Domains.Net;

/// <summary>One front end of a <see cref="NetBackend"/>: its device, its port, and the thread that answers its messages.</summary>
internal sealed class NetConnection
{
    private readonly VirtioNetDevice _device;
    private readonly MessageChannel _channel;
    private readonly VhostUserServer _server;
    private readonly ForwardingLoop _loop;
    private readonly NetQueueOptions _queues;
    private readonly ComponentLogger _logger;
    private readonly Thread _thread;
    private volatile bool _hasEnded;

    public NetConnection(VirtioNetDevice device, MessageChannel channel, ComponentHost host, ForwardingLoop loop, NetQueueOptions queues, ComponentLogger logger)
    {
        _device = device;
        _channel = channel;
        _server = new VhostUserServer(device, host, logger);
        _loop = loop;
        _queues = queues;
        _logger = logger;
        _thread = new Thread(Run) { IsBackground = true, Name = device.Name };
        _thread.Start();
    }

    /// <summary>It is over, but for the thread's own end.</summary>
    public bool HasEnded => _hasEnded;

    /// <summary>Asks for the end.</summary>
    public void Close() => _server.Close();

    /// <summary>Waits for the end.</summary>
    public void Wait() => _thread.Join();

    private void Run()
    {
        try
        {
            ForwardingPort port = _loop.AttachAsync(_device.Port, _device.Name, _queues).GetAwaiter().GetResult();
            _server.Serve(_channel);
            _loop.DetachAsync(port).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            NetBackendLog.NotAttached(_logger, _device.Name, e.Message);
            _channel.Dispose();
        }

        _server.Dispose();
        _device.Dispose();
        _hasEnded = true;
    }
}
