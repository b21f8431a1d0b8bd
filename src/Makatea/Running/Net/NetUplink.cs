using System.Runtime.InteropServices;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>
/// A net domain's uplink to another net domain, of which it is a client as a qube is. Its component cannot connect by itself: it is handed a connection to the other domain's socket when it
/// starts and each time that the other one is started again. The manager listens on the socket whoever lives, so a connection waits there for the next component.
/// </summary>
/// <param name="socket">Path of the socket.</param>
internal sealed class NetUplink(string socket) : RenewedGrant
{
    private readonly Lock _lock = new();
    private MessageChannel? _channel;
    private Grant? _peer;

    /// <inheritdoc/>
    public override IReadOnlyList<GrantType> Types { get; } = [GrantType.Channel];

    /// <inheritdoc/>
    public override IReadOnlyList<SafeHandle> Open()
    {
        lock (_lock)
        {
            Close();
            _channel = new LinuxHost().CreateChannel(out Grant peer);
            _peer = peer;
            Hand();
            return [((LinuxGrant)peer).Handle];
        }
    }

    /// <summary>Hands the component a further connection, as the other domain died.</summary>
    public void Renew()
    {
        lock (_lock)
        {
            if (_channel is not null)
            {
                Hand();
            }
        }
    }

    /// <inheritdoc/>
    public override void Release()
    {
        lock (_lock)
        {
            _peer?.Dispose();
            _peer = null;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_lock)
        {
            Close();
        }
    }

    private void Hand()
    {
        try
        {
            using LinuxGrant connection = UnixMessageChannel.ConnectFor(socket);
            HandedChannels.Hand(_channel!, connection);
        }
        catch (IOException)
        {
            // The component is gone, and the next one is handed one of its own; or the system ends, and with it the socket.
        }
    }

    private void Close()
    {
        _peer?.Dispose();
        _peer = null;
        _channel?.Dispose();
        _channel = null;
    }
}
