using Makatea.Platform;
using Makatea.Virtio;

namespace Makatea.Domains;

/// <summary>Serves one device to the front ends that come to one listener, on a thread of its own.</summary>
internal sealed class DeviceServer
{
    private readonly VirtioDevice _device;
    private readonly ChannelListener _listener;
    private readonly VhostUserServer _server;
    private readonly ComponentLogger _logger;
    private readonly Thread _thread;
    private bool _isStarted;

    /// <summary>Takes over device and listener.</summary>
    public DeviceServer(VirtioDevice device, ChannelListener listener, ComponentHost host, ComponentLogger logger)
    {
        _device = device;
        _listener = listener;
        _logger = logger;
        _server = new VhostUserServer(device, host, logger);
        _thread = new Thread(Serve) { IsBackground = true, Name = $"serve {device.Name}" };
    }

    public string Name => _device.Name;

    public void Start()
    {
        _isStarted = true;
        _thread.Start();
    }

    /// <summary>Waits until no front end can come any more: after <see cref="Close"/>, or when the listener was a connection and that ended.</summary>
    public void Wait()
    {
        if (_isStarted)
        {
            _thread.Join();
        }
    }

    /// <summary>Asks for the end of the connection and of waiting for others.</summary>
    public void Close() => _server.Close();

    /// <summary>Ends the connection after every request taken was given back, and the device.</summary>
    /// <param name="ended">Called in between, when nobody uses the device any more.</param>
    public void End(Action<string> ended)
    {
        Close();
        Wait();
        ended(Name);
        _server.Dispose();
        _listener.Dispose();
        _device.Dispose();
    }

    private void Serve()
    {
        try
        {
            _server.Serve(_listener);
        }
#pragma warning disable CA1031 // Whatever it is, the other devices go on.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _logger.Log(LogSeverity.Error, 1, e, "{Device}: served no more", Name);
        }
    }
}
