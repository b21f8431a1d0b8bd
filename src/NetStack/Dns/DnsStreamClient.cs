namespace Makatea.NetStack;

/// <summary>Asks servers over TCP: a connection for each question, and not many at a time. On the forwarding thread.</summary>
/// <param name="tcp">Makes connections; its applications run on the forwarding thread.</param>
/// <param name="serverPort">TCP port of servers.</param>
public sealed class DnsStreamClient(TcpHost tcp, ushort serverPort = DnsForwarder.Port) : IDnsStreams, IHostTimer
{
    private const int MaximumConnections = 16;
    private const long Timeout = 5000;
    private const int MaximumMessage = ushort.MaxValue;

    private readonly List<Question> _questions = [];

    /// <inheritdoc/>
    public void Ask(IpAddress server, ReadOnlyMemory<byte> query, Action<byte[]?> done)
    {
        var question = new Question(tcp.Ip.Now + Timeout);
        _questions.Add(question);
        _ = AskAsync(question, server, query, done);
    }

    /// <inheritdoc/>
    public long Tick(long now)
    {
        long next = IHostTimer.Never;
        foreach (Question question in _questions)
        {
            if (question.Deadline <= now)
            {
                question.Deadline = IHostTimer.Never;
                question.Connection?.Abort();
            }

            next = Math.Min(next, question.Deadline);
        }

        return next;
    }

    private async Task AskAsync(Question question, IpAddress server, ReadOnlyMemory<byte> query, Action<byte[]?> done)
    {
        byte[]? response = null;
        try
        {
            if (_questions.Count > MaximumConnections)
            {
                throw new TcpException(TcpFailure.TooMany, "too many questions are asked over TCP");
            }

            TcpConnection connection = await tcp.ConnectAsync(server, serverPort).ConfigureAwait(false);
            question.Connection = connection;
            await DnsStream.WriteAsync(connection.Output, query).ConfigureAwait(false);
            response = await DnsStream.ReadAsync(connection.Input, MaximumMessage).ConfigureAwait(false);
            await connection.Output.CompleteAsync().ConfigureAwait(false);
            await connection.Input.CompleteAsync().ConfigureAwait(false);
        }
        catch (IOException)
        {
            // No answer: the resolver asks another server.
        }

        _questions.Remove(question);
        tcp.Scheduler.Schedule(state => done((byte[]?)state), response);
    }

    private sealed class Question(long deadline)
    {
        internal long Deadline { get; set; } = deadline;

        internal TcpConnection? Connection { get; set; }
    }
}
