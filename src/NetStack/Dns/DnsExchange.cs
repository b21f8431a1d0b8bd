namespace Makatea.NetStack;

/// <summary>
/// One question on its way: a server after the other, each time from another port and with another id, twice around. An answer counts where it comes from the server asked, to the port it was asked
/// from, with its id and its question ([RFC 5452] 9.1), and the first time around in the question's letter cases, too.
/// </summary>
internal sealed class DnsExchange(DnsResolver resolver, DnsKey key, IReadOnlyList<IpAddress> servers) : IUdpHandler
{
    private const int Rounds = 2;

    private readonly int _first = resolver.Preferred;
    private int _attempt = -1;
    private bool _isPlain; // the server at hand knows no extensions
    private bool _isStream;
    private ushort _port;
    private int _server;
    private DnsMessage? _query;
    private DnsAnswer? _refusal; // what a server said instead of an answer

    internal DnsKey Key => key;

    internal IReadOnlyList<IpAddress> Servers => servers;

    internal List<(int Client, Action<DnsAnswer> Done)> Waiters { get; } = [];

    /// <summary>When the server at hand had its time.</summary>
    internal long Deadline { get; private set; } = IHostTimer.Never;

    private bool IsDone => Deadline == IHostTimer.Never && _attempt >= 0;

    /// <summary>Asks the next server, or gives up.</summary>
    internal void Next()
    {
        while (++_attempt < Rounds * servers.Count)
        {
            _server = (_first + _attempt) % servers.Count;
            _isPlain = false;
            if (TrySend())
            {
                return;
            }
        }

        Finish(_refusal ?? DnsAnswer.Failure);
    }

    public void Receive(in IpPacketInfo info, ushort sourcePort, ReadOnlySpan<byte> data)
    {
        if (_isStream || info.Source != servers[_server] || sourcePort != resolver.Options.ServerPort || !TryMatch(data, out DnsMessage response))
        {
            resolver.Mismatched++;
            return;
        }

        if ((response.Flags & DnsFlags.Truncated) != 0)
        {
            AskOverStream();
            return;
        }

        Take(response);
    }

    public void ReceiveError(in IpErrorInfo error, ushort destinationPort)
    {
        if (!_isStream && error.Destination == servers[_server] && error.Kind is IpErrorKind.Refused or IpErrorKind.Prohibited)
        {
            Next();
        }
    }

    private bool TrySend()
    {
        Close();
        if (!resolver.Ip.TryRoute(servers[_server], out int port, out IpAddress source) || !resolver.Udp.TryOpenEphemeral(this, out _port))
        {
            return false;
        }

        _query = new()
        {
            Id = (ushort)resolver.Random.Next(),
            Flags = DnsFlags.RecursionDesired | (key.IsDnssec ? DnsFlags.CheckingDisabled : 0),
            Question = _attempt < servers.Count ? key.Question with { Name = key.Question.Name.WithRandomCase(resolver.Random) } : key.Question,
            Extension = _isPlain ? null : new(DnsMessage.UdpSize, 0, key.IsDnssec, 0),
        };
        Span<byte> message = stackalloc byte[DnsMessage.PlainUdpSize];
        int length = DnsWriter.Write(_query, message);
        Deadline = resolver.Ip.Now + (resolver.Options.Timeout * (_attempt < servers.Count ? 1 : 2));
        return resolver.Udp.Send(port, source, _port, servers[_server], resolver.Options.ServerPort, message[..length]);
    }

    private bool TryMatch(ReadOnlySpan<byte> data, out DnsMessage response)
    {
        if (!DnsReader.TryRead(data, out response) || response.Id != _query!.Id || (response.Flags & DnsFlags.Response) == 0 || response.Opcode != 0)
        {
            return false;
        }

        DnsQuestion asked = _query.Question;
        bool isSameName = _attempt < servers.Count ? response.Question.Name.IsIdentical(asked.Name) : response.Question.Name.Equals(asked.Name);
        return isSameName && response.Question.Type == asked.Type && response.Question.Class == asked.Class;
    }

    private void Take(DnsMessage response)
    {
        if (response.ResponseCode is DnsResponseCode.FormatError or DnsResponseCode.NotImplemented || response.Extension is { ExtendedCode: not 0 })
        {
            // [RFC 6891] 7: perhaps without extensions.
            if (!_isPlain && !_isStream)
            {
                _isPlain = true;
                if (TrySend())
                {
                    return;
                }
            }
        }
        else if (response.ResponseCode is DnsResponseCode.NoError or DnsResponseCode.NoSuchName)
        {
            resolver.Preferred = _server;
            Finish(DnsAnswerFilter.Filter(key.Question, key.IsDnssec, response));
            return;
        }

        _refusal = new() { ResponseCode = response.ResponseCode, Ttl = DnsAnswer.FailureTtl };
        Next();
    }

    private void AskOverStream()
    {
        if (resolver.Streams is null)
        {
            Next();
            return;
        }

        Close();
        _isStream = true;
        Span<byte> message = stackalloc byte[DnsMessage.PlainUdpSize];
        int length = DnsWriter.Write(_query!, message);
        int attempt = _attempt;
        Deadline = resolver.Ip.Now + (5L * resolver.Options.Timeout);
        resolver.Streams.Ask(servers[_server], message[..length].ToArray(), response => TakeFromStream(attempt, response));
    }

    private void TakeFromStream(int attempt, byte[]? response)
    {
        if (attempt != _attempt || !_isStream || IsDone)
        {
            return;
        }

        if (response is not null && TryMatch(response, out DnsMessage message) && (message.Flags & DnsFlags.Truncated) == 0)
        {
            Take(message);
        }
        else
        {
            Next();
        }
    }

    private void Finish(DnsAnswer answer)
    {
        Close();
        Deadline = IHostTimer.Never;
        resolver.Complete(this, answer);
    }

    private void Close()
    {
        if (_port != 0)
        {
            resolver.Udp.Close(_port);
        }

        (_port, _isStream) = (0, false);
    }
}
