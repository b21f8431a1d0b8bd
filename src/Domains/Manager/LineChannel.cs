using System.Buffers;
using System.IO.Pipelines;
using Makatea.Platform;

namespace Makatea.Domains.Manager;

/// <summary>
/// Lines of text over a channel: each message is one line of JSON. A thread takes bytes off the channel, a pipe cuts them into lines. The peer is not trusted: a
/// line longer than allowed, or a grant, ends the channel.
/// </summary>
public sealed class LineChannel : IDisposable
{
    /// <summary>Longest line in bytes unless told otherwise.</summary>
    public const int DefaultMaxLine = 1 << 20;

    private const byte EndOfLine = (byte)'\n';
    private readonly MessageChannel _channel;
    private readonly int _maxLine;
    private readonly Pipe _pipe = new();
    private readonly Thread _pump;

    /// <summary>Takes over <paramref name="channel"/> and starts to read it.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="name">Name of the thread that reads.</param>
    /// <param name="maxLine">Longest line taken, in bytes.</param>
    public LineChannel(MessageChannel channel, string name, int maxLine = DefaultMaxLine)
    {
        _channel = channel;
        _maxLine = maxLine;
        _pump = new Thread(Pump) { IsBackground = true, Name = name };
        _pump.Start();
    }

    /// <summary>Sends a line, to which the end of line is added. From any thread.</summary>
    /// <exception cref="IOException">The peer is gone or does not read.</exception>
    public void Send(ReadOnlySpan<byte> line)
    {
        byte[] whole = new byte[line.Length + 1];
        line.CopyTo(whole);
        whole[^1] = EndOfLine;
        _channel.Send(whole, []);
    }

    /// <summary>Waits for the next line. One caller at a time.</summary>
    /// <returns>The line without its end, or null where the peer closed the channel.</returns>
    /// <exception cref="IOException">The channel failed, or the peer sent what it must not.</exception>
    public async ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellation = default)
    {
        while (true)
        {
            ReadResult result = await _pipe.Reader.ReadAsync(cancellation).ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = result.Buffer;
            if (buffer.PositionOf(EndOfLine) is { } end)
            {
                byte[] line = buffer.Slice(0, end).ToArray();
                _pipe.Reader.AdvanceTo(buffer.GetPosition(1, end));
                return line.Length <= _maxLine ? line : throw TooLong(line.Length);
            }

            long length = buffer.Length;
            _pipe.Reader.AdvanceTo(buffer.Start, buffer.End);
            if (length > _maxLine)
            {
                throw TooLong(length);
            }

            if (result.IsCompleted)
            {
                return length == 0 ? null : throw new IOException($"the channel ended within a line, after {length} bytes");
            }
        }
    }

    /// <summary>Ends the channel in both directions. From any thread, more than once.</summary>
    public void Close() => _channel.Close();

    /// <inheritdoc/>
    public void Dispose()
    {
        _channel.Close();
        _pipe.Writer.CancelPendingFlush();
        _pump.Join();
        _channel.Dispose();
    }

    private IOException TooLong(long length)
    {
        _channel.Close();
        return new IOException($"found a line of {length} bytes or more, expected at most {_maxLine}; the channel is closed");
    }

    private void Pump()
    {
        var grants = new List<Grant>();
        Exception? fault = null;
        try
        {
            while (_channel.Receive(_pipe.Writer.GetSpan(), grants) is > 0 and int received)
            {
                if (grants.Count != 0)
                {
                    throw new IOException($"found {grants.Count} grants with a line, expected none; the channel is closed");
                }

                _pipe.Writer.Advance(received);
                if (_pipe.Writer.FlushAsync().AsTask().GetAwaiter().GetResult().IsCanceled)
                {
                    break;
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            fault = e;
        }

        grants.ForEach(g => g.Dispose());
        _pipe.Writer.Complete(fault);
    }
}
