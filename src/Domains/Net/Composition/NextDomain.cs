using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Domains.Net;

/// <summary>
/// The uplink to another net domain, of which this one is a client: the driver side of virtio-net on connections that the manager hands over, one after the other as the other domain is started
/// again. The port is there from the first connection on, and stays.
/// </summary>
internal sealed class NextDomain : IDisposable
{
    private readonly HandedChannels _channels;
    private readonly ComponentHost _host;
    private readonly ComponentLogger _logger;
    private readonly Action<NetPort> _found;
    private readonly Thread _thread;
    private DriverNetPort? _port;

    /// <summary>Takes over <paramref name="channel"/>.</summary>
    /// <param name="channel">Where connections are handed over.</param>
    /// <param name="host">Where the component runs.</param>
    /// <param name="logger">Told of connections that fail.</param>
    /// <param name="found">Told of the port, once, on a thread of its own. It stays this object's.</param>
    public NextDomain(MessageChannel channel, ComponentHost host, ComponentLogger logger, Action<NetPort> found)
    {
        _channels = new HandedChannels(channel);
        _host = host;
        _logger = logger;
        _found = found;
        _thread = new Thread(Run) { IsBackground = true, Name = "next net domain" };
    }

    /// <summary>Starts to look for connections.</summary>
    public void Start() => _thread.Start();

    /// <summary>Ends the connection. The port's queue was disposed.</summary>
    public void Dispose()
    {
        _channels.Close();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        _channels.Dispose();
        _port?.Dispose();
    }

    private void Run()
    {
        while (_channels.Accept() is { } channel)
        {
            try
            {
                if (_port is not null)
                {
                    _port.Reconnect(channel);
                }
                else
                {
                    _port = new DriverNetPort(channel, _host);
                    _found(_port);
                }
            }
            catch (Exception e) when (e is VhostUserException or IOException or GrantException)
            {
                NetLogMessages.UplinkLost(_logger, e.Message);
            }
        }
    }
}
