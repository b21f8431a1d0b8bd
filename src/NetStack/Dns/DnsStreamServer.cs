namespace Makatea.NetStack;

/// <summary>Answers questions of qubes over TCP, for those whose answers do not fit UDP ([RFC 7766]): one question of a connection at a time. On the forwarding thread.</summary>
public sealed class DnsStreamServer : IHostTimer
{
    private const int MaximumQuery = 1024;
    private const long IdleTimeout = 10_000;

    private readonly DnsForwarder _forwarder;
    private readonly TcpHost _tcp;
    private readonly List<Client> _clients = []; // bounded by the connections that are taken
    private readonly byte[] _buffer = new byte[ushort.MaxValue];

    /// <summary>Makes it; it serves the ports that the forwarder serves.</summary>
    /// <param name="forwarder">Answers.</param>
    /// <param name="tcp">Takes connections; its applications run on the forwarding thread.</param>
    public DnsStreamServer(DnsForwarder forwarder, TcpHost tcp)
    {
        (_forwarder, _tcp) = (forwarder, tcp);
        tcp.Listen(DnsForwarder.Port, connection => _ = ServeAsync(connection), info => forwarder.Serves(info.Port));
    }

    /// <inheritdoc/>
    public long Tick(long now)
    {
        long next = IHostTimer.Never;
        foreach (Client client in _clients)
        {
            if (client.Deadline <= now)
            {
                client.Deadline = IHostTimer.Never;
                client.Connection.Abort();
            }

            next = Math.Min(next, client.Deadline);
        }

        return next;
    }

    private async Task ServeAsync(TcpConnection connection)
    {
        var client = new Client(connection);
        _clients.Add(client);
        try
        {
            while (true)
            {
                client.Deadline = _tcp.Ip.Now + IdleTimeout;
                byte[]? query = await DnsStream.ReadAsync(connection.Input, MaximumQuery).ConfigureAwait(false);
                var answered = new TaskCompletionSource<byte[]>();
                if (query is null || !_forwarder.TryAnswer(connection.AcceptedOn, query, (question, answer) => answered.SetResult(Write(question, answer))))
                {
                    break;
                }

                byte[] response = await answered.Task.ConfigureAwait(false);
                await DnsStream.WriteAsync(connection.Output, response).ConfigureAwait(false);
            }

            await connection.Output.CompleteAsync().ConfigureAwait(false);
            await connection.Input.CompleteAsync().ConfigureAwait(false);
        }
        catch (IOException)
        {
            // The connection ended.
        }

        _clients.Remove(client);
    }

    private byte[] Write(DnsMessage question, DnsAnswer answer) => _buffer.AsSpan(0, DnsWriter.Write(DnsForwarder.Response(question, answer), _buffer)).ToArray();

    private sealed class Client(TcpConnection connection)
    {
        internal TcpConnection Connection => connection;

        internal long Deadline { get; set; }
    }
}
