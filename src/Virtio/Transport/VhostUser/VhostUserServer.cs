using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// Serves one device over vhost-user, to one front end at a time; further ones wait in the listener's backlog. A front end that
/// breaks the protocol loses its connection and nothing else happens; the next one finds the device as after its start.
/// </summary>
/// <param name="device">The device; stays the caller's.</param>
/// <param name="host">Makes memory, doorbells and waiters.</param>
/// <param name="logger">Where connections, refusals and faults are told.</param>
public sealed class VhostUserServer(VirtioDevice device, ComponentHost host, ComponentLogger? logger = null) : IDisposable
{
    private static readonly TimeSpan _acceptPause = TimeSpan.FromMilliseconds(100);
    private readonly ComponentLogger _logger = logger ?? ComponentLogger.None;
    private readonly VhostUserMetrics _metrics = new(device.Name);
    private readonly Lock _closing = new();
    private readonly ManualResetEventSlim _closed = new();
    private ChannelListener? _listener;
    private VhostUserSession? _session;

    /// <summary>A front end is connected.</summary>
    public bool IsConnected => Volatile.Read(ref _session) is not null;

    /// <summary>Why the last connection ended; null while there was none, or where the front end left by itself.</summary>
    public Exception? LastFault { get; private set; }

    /// <summary>How often the memory of a running session is looked at for having been taken away.</summary>
    internal TimeSpan WatchInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Serves the front ends that connect, one after the other, until <see cref="Close"/>. The listener stays the caller's.</summary>
    public void Serve(ChannelListener listener)
    {
        lock (_closing)
        {
            _listener = listener;
            if (_closed.IsSet)
            {
                return;
            }
        }

        bool failing = false;
        while (!_closed.IsSet)
        {
            MessageChannel? channel;
            try
            {
                channel = listener.Accept();
                failing = false;
            }
            catch (IOException e)
            {
                // What is short may come free; told once, not at every try.
                if (!failing)
                {
                    VhostUserLogMessages.AcceptFailed(_logger, device.Name, e.Message);
                }

                failing = true;
                _closed.Wait(_acceptPause);
                continue;
            }

            if (channel is null)
            {
                return;
            }

            Serve(channel);
        }
    }

    /// <summary>Serves one front end until it leaves, breaks the protocol, or <see cref="Close"/>. Takes over the channel.</summary>
    public void Serve(MessageChannel channel)
    {
        using VhostUserSession session = new(device, host, channel, _metrics, _logger) { WatchInterval = WatchInterval };
        lock (_closing)
        {
            if (_closed.IsSet)
            {
                return;
            }

            _session = session;
        }

        VhostUserLogMessages.Connected(_logger, device.Name);
        _metrics.Connected();
        LastFault = null;
        try
        {
            session.Run();
            VhostUserLogMessages.Left(_logger, device.Name);
        }
        catch (Exception) when (_closed.IsSet)
        {
            VhostUserLogMessages.Left(_logger, device.Name);
        }
        catch (Exception e) when (e is VhostUserProtocolException or IOException)
        {
            LastFault = e;
            VhostUserLogMessages.Ended(_logger, device.Name, e.Message);
        }
#pragma warning disable CA1031 // Whatever a front end finds to break, the next one is served.
        catch (Exception e)
#pragma warning restore CA1031
        {
            LastFault = e;
            VhostUserLogMessages.Failed(_logger, e, device.Name);
        }
        finally
        {
            _metrics.Ended(LastFault is not null);
            lock (_closing)
            {
                _session = null;
            }
        }
    }

    /// <summary>Ends the connection and the wait for others. From any thread, more than once.</summary>
    public void Close()
    {
        lock (_closing)
        {
            _closed.Set();
            _listener?.Close();
            _session?.Close();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        _metrics.Dispose();
    }
}
