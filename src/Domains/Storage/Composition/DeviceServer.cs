using Makatea.Platform;
using Makatea.Virtio;
using Microsoft.Extensions.Logging;

namespace Makatea.Domains.Storage;

/// <summary>Serves one device to the front ends that come to one listener, on a thread of its own.</summary>
internal sealed class DeviceServer : IDisposable
{
    private readonly VirtioDevice _device;
    private readonly ChannelListener _listener;
    private readonly VhostUserServer _server;
    private readonly Thread _thread;

    /// <summary>Takes over device and listener.</summary>
    public DeviceServer(VirtioDevice device, ChannelListener listener, ComponentHost host, ILogger logger)
    {
        _device = device;
        _listener = listener;
        _server = new VhostUserServer(device, host, logger);
        _thread = new Thread(() => _server.Serve(listener)) { IsBackground = true, Name = device.Name };
    }

    public void Start() => _thread.Start();

    public void Dispose()
    {
        _server.Close();
        _listener.Close();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        _server.Dispose();
        _listener.Dispose();
        _device.Dispose();
    }
}
