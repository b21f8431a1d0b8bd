namespace Makatea.Platform;

/// <summary>
/// Channels that somebody hands over one by one, over a channel: what a component that opens nothing has in the place of connecting. Each comes as one byte with one grant, the end of a
/// channel whose other end is a peer's. So a front end whose back end was started again gets a channel to the new one, from who started it.
/// </summary>
/// <param name="channel">Where they arrive; becomes this object's.</param>
/// <param name="asks">Whether each is asked for, by one byte: for who hands over no more than is wanted.</param>
public sealed class HandedChannels(MessageChannel channel, bool asks = false) : ChannelListener
{
    private readonly MessageChannel _channel = channel ?? throw new ArgumentNullException(nameof(channel));

    /// <summary>Hands a channel over.</summary>
    /// <param name="channel">To the component.</param>
    /// <param name="end">The end that it gets; stays the caller's.</param>
    /// <exception cref="IOException">The component is gone, or does not look for what it was handed.</exception>
    public static void Hand(MessageChannel channel, Grant end)
    {
        ArgumentNullException.ThrowIfNull(channel);
        channel.Send([0], [end]);
    }

    /// <summary>Waits for the next channel. It may be one whose peer is gone already; then a further one follows.</summary>
    /// <returns>The channel, or null after <see cref="Close"/>, or when who hands over is gone.</returns>
    public override MessageChannel? Accept()
    {
        var grants = new List<Grant>(1);
        Span<byte> message = stackalloc byte[1];
        try
        {
            if (asks)
            {
                _channel.Send([0], []);
            }

            while (_channel.Receive(message, grants) != 0)
            {
                if (grants.Count == 1)
                {
                    return grants[0].OpenChannel();
                }

                grants.ForEach(g => g.Dispose());
                grants.Clear();
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or GrantException)
        {
            // Closed on this side, or by who does not keep to what is said above: the end in any case.
            grants.ForEach(g => g.Dispose());
        }

        return null;
    }

    /// <inheritdoc/>
    public override void Close() => _channel.Close();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _channel.Dispose();
}
