using System.Text.Json;
using Makatea.Platform;

namespace Makatea.Domains.Manager;

/// <summary>The channel between manager and component. Neither trusts the other to send what it should.</summary>
public sealed class ControlChannel : IDisposable
{
    private readonly LineChannel _lines;

    /// <summary>Takes over <paramref name="channel"/>.</summary>
    public ControlChannel(MessageChannel channel, string name) => _lines = new LineChannel(channel, $"control of {name}");

    /// <summary>Sends a message. From any thread.</summary>
    /// <exception cref="IOException">The peer is gone or does not read.</exception>
    public void Send(ControlMessage message) => _lines.Send(message.ToLine());

    /// <summary>Waits for the next message. One caller at a time.</summary>
    /// <returns>The message, or null where the peer closed the channel.</returns>
    /// <exception cref="IOException">The channel failed, or the peer sent something else.</exception>
    public async ValueTask<ControlMessage?> ReceiveAsync(CancellationToken cancellation = default)
    {
        if (await _lines.ReceiveAsync(cancellation).ConfigureAwait(false) is not { } line)
        {
            return null;
        }

        try
        {
            return ControlMessage.FromLine(line);
        }
        catch (JsonException e)
        {
            _lines.Close();
            throw new IOException($"found a line of {line.Length} bytes that is no control message ({e.Message}); the channel is closed", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lines.Dispose();
}
