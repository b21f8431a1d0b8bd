using System.IO.Pipelines;
using Makatea.Platform;

namespace Makatea.Vmm.Linux;

/// <summary>
/// A serial console on a socket, for one client at a time; the next one waits until that leaves. All output goes to a log, too. A client that does not read misses output, and is told how much;
/// it holds up neither the log nor the qube.
/// </summary>
internal sealed class SocketConsole : QubeConsole
{
    private const int MostWaiting = 256;
    private const int LongestWait = 64 << 10;

    private static readonly TimeSpan _lastWords = TimeSpan.FromSeconds(1);
    private readonly ChannelListener? _listener;
    private readonly FileStream? _log;
    private readonly Thread? _thread;
    private volatile PipeWriter? _input;
    private volatile Client? _client;
    private Task _output = Task.CompletedTask;

    /// <summary>Makes one.</summary>
    /// <param name="listener">Where clients come from, taken over; null for none.</param>
    /// <param name="log">Where all output goes, taken over; null for nowhere.</param>
    public SocketConsole(ChannelListener? listener, FileStream? log)
    {
        _listener = listener;
        _log = log;
        if (listener is not null)
        {
            _thread = new Thread(Accept) { IsBackground = true, Name = "console" };
            _thread.Start();
        }
    }

    /// <inheritdoc/>
    public override SerialConsole Connect(SerialPort port)
    {
        _output.GetAwaiter().GetResult(); // of the qube before it, whose end came first
        var input = new Pipe();
        var output = new Pipe(new PipeOptions(pauseWriterThreshold: LongestWait));
        _output = Task.Run(() => CarryAsync(output.Reader));
        _input = input.Writer;
        return new SerialConsole(port, output.Writer, input.Reader);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _listener?.Close();
        _output.GetAwaiter().GetResult();
        _client?.End(_lastWords);
        _thread?.Join(_lastWords);
        _listener?.Dispose();
        _log?.Dispose();
    }

    private async Task CarryAsync(PipeReader output)
    {
        ReadResult read;
        do
        {
            read = await output.ReadAsync().ConfigureAwait(false);
            foreach (ReadOnlyMemory<byte> bytes in read.Buffer)
            {
                Take(bytes.ToArray());
            }

            output.AdvanceTo(read.Buffer.End);
        }
        while (!read.IsCompleted);
        await output.CompleteAsync().ConfigureAwait(false);
    }

    private void Take(byte[] bytes)
    {
        _client?.Show(bytes);
        try
        {
            _log?.Write(bytes);
            _log?.Flush();
        }
        catch (IOException)
        {
            // A disk that is full costs the log, not the qube.
        }
    }

    private void Accept()
    {
        try
        {
            while (_listener!.Accept() is { } channel)
            {
                using var client = new Client(channel);
                _client = client;
                client.Serve(() => _input);
                _client = null;
            }
        }
        catch (IOException)
        {
            // The host has no more sockets for us. The log goes on.
        }
    }

    private sealed class Client(MessageChannel channel) : IDisposable
    {
        private readonly Outbox _outbox = new(channel, "console output", MostWaiting);
        private long _missed;

        public void Show(byte[] bytes)
        {
            if (_missed != 0 && _outbox.TryPost(System.Text.Encoding.ASCII.GetBytes($"\r\n[{_missed} bytes were not read in time]\r\n")))
            {
                _missed = 0;
            }

            if (_missed != 0 || !_outbox.TryPost(bytes))
            {
                _missed += bytes.Length;
            }
        }

        /// <summary>Takes its input until it leaves.</summary>
        public void Serve(Func<PipeWriter?> input)
        {
            byte[] bytes = new byte[256];
            var grants = new List<Grant>();
            try
            {
                while (channel.Receive(bytes, grants) is > 0 and int count)
                {
                    grants.ForEach(g => g.Dispose());
                    grants.Clear();

                    // Where the guest reads nothing, this waits.
                    input()?.WriteAsync(bytes.AsMemory(0, count)).AsTask().GetAwaiter().GetResult();
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // It is gone.
            }
        }

        public void End(TimeSpan patience)
        {
            _outbox.Finish(patience);
            channel.Close();
        }

        public void Dispose()
        {
            _outbox.Dispose();
            channel.Dispose();
        }
    }
}
