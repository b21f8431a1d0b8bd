using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// One front end's connection, from its first message to its end: receives messages, checks each against
/// <see cref="VhostUserRequestTable"/>, handles it, replies. Whatever goes wrong ends this connection alone, and everything
/// that the front end granted is given up at its end.
/// </summary>
internal sealed partial class VhostUserSession : IDisposable
{
    private readonly VirtioDevice _device;
    private readonly ComponentHost _host;
    private readonly MessageChannel _channel;
    private readonly VhostUserConnection _connection;
    private readonly VhostUserMetrics _metrics;
    private readonly ComponentLogger _logger;
    private readonly VhostUserMessage _message = new();
    private readonly VhostUserMemoryTable _memory;
    private readonly VhostUserStatus _status = new();
    private readonly VhostUserVring[] _vrings;

    /// <summary>Held while a message is handled; the watch looks at grants under it.</summary>
    private readonly Lock _handling = new();

    private VhostUserInflight? _inflight;
    private VhostUserLog? _log;
    private Doorbell? _logDoorbell;
    private volatile VhostUserBackendChannel? _backend;
    private Exception? _endReason;

    /// <summary>Takes over <paramref name="channel"/>; the device stays the caller's.</summary>
    public VhostUserSession(VirtioDevice device, ComponentHost host, MessageChannel channel, VhostUserMetrics metrics, ComponentLogger logger)
    {
        _device = device;
        _host = host.For(channel);
        _channel = channel;
        _connection = new VhostUserConnection(channel);
        _metrics = metrics;
        _logger = logger;
        _memory = new VhostUserMemoryTable(device, logger);
        _vrings = [.. Enumerable.Range(0, device.QueueCount).Select(i => new VhostUserVring(i))];
        _device.ConfigChanged += NotifyConfigChanged;
    }

    /// <summary>How often the memory of a running session is looked at for having been taken away.</summary>
    internal TimeSpan WatchInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Serves the front end until it leaves or <see cref="Close"/>.</summary>
    /// <exception cref="VhostUserProtocolException">It broke the protocol.</exception>
    /// <exception cref="IOException">The channel failed.</exception>
    public void Run()
    {
        using Timer watch = new(static self => ((VhostUserSession)self!).Watch(), this, WatchInterval, WatchInterval);
        try
        {
            while (_connection.TryReceive(_message))
            {
                _metrics.Received();
                lock (_handling)
                {
                    Handle();
                }
            }
        }
        catch (Exception e) when (Volatile.Read(ref _endReason) is Exception reason && !ReferenceEquals(e, reason))
        {
            throw reason;
        }

        if (Volatile.Read(ref _endReason) is Exception ended)
        {
            throw ended;
        }
    }

    /// <summary>Ends the connection; <see cref="Run"/> returns. From any thread.</summary>
    public void Close() => _channel.Close();

    /// <summary>Stops all rings and gives up all that was granted.</summary>
    public void Dispose()
    {
        _device.ConfigChanged -= NotifyConfigChanged;
        lock (_handling)
        {
            _message.Clear();
            foreach (VhostUserVring vring in _vrings)
            {
                vring.Dispose();
            }

            _backend?.Dispose();
            _backend = null;
            _logDoorbell?.Dispose();
            _logDoorbell = null;
            _log?.Dispose();
            _log = null;
            _inflight?.Dispose();
            _inflight = null;
            _memory.Dispose();
            _device.Reset();
            _channel.Dispose();
        }
    }

    private void Handle()
    {
        VhostUserRequestTable.Entry? entry = VhostUserRequestTable.Find(_message.Header.Request);
        VhostUserReply reply;
        try
        {
            if (entry is null)
            {
                reply = VhostUserReply.Refused("it is not served here");
            }
            else
            {
                entry.Check(_message, _protocolFeatures);
                reply = entry.Handle(this, _message);
            }
        }
        finally
        {
            _message.Clear();
        }

        if (reply.Refusal is not null)
        {
            VhostUserLogMessages.Refused(_logger, _device.Name, _message.Name, reply.Refusal);
            if (!_message.NeedsReply)
            {
                throw new VhostUserProtocolException($"{_message.Name} is refused: {reply.Refusal}");
            }

            Reply(VhostUserReply.With(1ul));
        }
        else if (reply.Payload is not null)
        {
            Reply(reply);
        }
        else if (_message.NeedsReply)
        {
            Reply(VhostUserReply.With(0ul));
        }
    }

    private void Reply(VhostUserReply reply)
    {
        using Grant? grant = reply.Grant;
        _connection.Reply(_message.Header.Request, reply.Payload, grant);
    }
}
