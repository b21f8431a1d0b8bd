using System.Threading.Channels;
using Makatea.Platform;

namespace Makatea.Vmm.Linux;

/// <summary>What is to be sent to a client, sent on a thread of its own: nobody waits for a client that does not read. A client that is too far behind gets no more.</summary>
internal sealed class Outbox : IDisposable
{
    private readonly MessageChannel _channel;
    private readonly Channel<byte[]> _waiting;
    private readonly Thread _thread;

    /// <summary>Makes one.</summary>
    /// <param name="channel">To the client; stays the caller's.</param>
    /// <param name="name">Name of the thread.</param>
    /// <param name="capacity">The most messages that wait.</param>
    public Outbox(MessageChannel channel, string name, int capacity)
    {
        _channel = channel;
        _waiting = System.Threading.Channels.Channel.CreateBounded<byte[]>(new BoundedChannelOptions(capacity) { SingleReader = true });
        _thread = new Thread(Send) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>Sends later. From any thread; does not wait.</summary>
    /// <returns>False where too much waits already, or the client is gone.</returns>
    public bool TryPost(byte[] message) => _waiting.Writer.TryWrite(message);

    /// <summary>Sends what waits, and no more than that.</summary>
    /// <param name="patience">How long to wait for it.</param>
    public void Finish(TimeSpan patience)
    {
        _waiting.Writer.TryComplete();
        _thread.Join(patience);
    }

    /// <summary>Ends the conversation, whatever waits.</summary>
    public void Dispose()
    {
        _waiting.Writer.TryComplete();
        _channel.Close();
        _thread.Join();
    }

    private void Send()
    {
        try
        {
            while (_waiting.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                while (_waiting.Reader.TryRead(out byte[]? message))
                {
                    _channel.Send(message, []);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The client is gone, or does not read. Who receives from it hears of that.
            _waiting.Writer.TryComplete();
            _channel.Close();
        }
    }
}
