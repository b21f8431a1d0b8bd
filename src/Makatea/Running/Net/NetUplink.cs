using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>
/// A net domain's uplink to another net domain, of which it is a client as a qube is. Its component cannot connect by itself: it is handed a connection to the other domain's socket when it
/// starts and each time that the other one is started again. The manager listens on the socket whoever lives, so a connection waits there for the next component.
/// </summary>
/// <param name="socket">Path of the socket.</param>
internal sealed class NetUplink(string socket) : ConnectionGrant
{
    private MessageChannel? _channel;

    /// <summary>Hands the component a further connection, as the other domain died.</summary>
    public void Renew()
    {
        lock (Gate)
        {
            if (_channel is not null)
            {
                Hand(_channel);
            }
        }
    }

    /// <inheritdoc/>
    protected override void Begin(MessageChannel channel)
    {
        _channel = channel;
        Hand(channel);
    }

    /// <inheritdoc/>
    protected override void End()
    {
        _channel?.Dispose();
        _channel = null;
    }

    private void Hand(MessageChannel channel)
    {
        try
        {
            using LinuxGrant connection = UnixMessageChannel.ConnectFor(socket);
            HandedChannels.Hand(channel, connection);
        }
        catch (IOException)
        {
            // The component is gone, and the next one is handed one of its own; or the system ends, and with it the socket.
        }
    }
}
