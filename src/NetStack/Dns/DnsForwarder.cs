namespace Makatea.NetStack;

/// <summary>
/// Answers the questions of qubes, on port 53 of the addresses that the domain has towards them. It understands every message and writes its own: nothing that came from upstream passes as it was.
/// </summary>
public sealed class DnsForwarder : IUdpHandler
{
    /// <summary>Port of DNS.</summary>
    public const ushort Port = 53;

    private readonly DnsResolver _resolver;
    private readonly HashSet<int> _ports = [];

    /// <summary>Makes it; it serves nobody yet.</summary>
    public DnsForwarder(DnsResolver resolver)
    {
        _resolver = resolver;
        if (!resolver.Udp.TryOpen(Port, this))
        {
            throw new InvalidOperationException("UDP port 53 is open already");
        }
    }

    /// <summary>Questions that were taken.</summary>
    public long Questions { get; private set; }

    /// <summary>Messages that were no questions, or from ports that are not served.</summary>
    public long Dropped { get; private set; }

    /// <summary>Serves a port or no longer. The uplink is not served: that would make an open resolver.</summary>
    public void Serve(int port, bool isServed) => _ = isServed ? _ports.Add(port) : _ports.Remove(port);

    /// <inheritdoc/>
    public void Receive(in IpPacketInfo info, ushort sourcePort, ReadOnlySpan<byte> data)
    {
        IpPacketInfo client = info;
        bool isTaken = TryAnswer(info.Port, data, (query, answer) =>
        {
            Span<byte> buffer = stackalloc byte[DnsMessage.UdpSize];
            int limit = Math.Clamp((int)(query.Extension?.UdpSize ?? 0), DnsMessage.PlainUdpSize, DnsMessage.UdpSize);
            int length = DnsWriter.Write(Response(query, answer), buffer[..limit]);
            _resolver.Udp.Send(client.Port, client.Destination, Port, client.Source, sourcePort, buffer[..length]);
        });
        Dropped += isTaken ? 0 : 1;
    }

    /// <inheritdoc/>
    public void ReceiveError(in IpErrorInfo error, ushort destinationPort)
    {
    }

    internal bool Serves(int port) => _ports.Contains(port);

    /// <summary>Takes a question and has it answered.</summary>
    /// <returns>False where it was no question; nobody is answered then.</returns>
    internal bool TryAnswer(int port, ReadOnlySpan<byte> message, Action<DnsMessage, DnsAnswer> done)
    {
        if (!_ports.Contains(port) || !DnsReader.TryRead(message, out DnsMessage query) || (query.Flags & DnsFlags.Response) != 0)
        {
            return false;
        }

        Questions++;
        byte refusal = Judge(query);
        if (refusal != DnsResponseCode.NoError)
        {
            done(query, new() { ResponseCode = refusal });
            return true;
        }

        _resolver.Resolve(port, query.Question, query.Extension is { IsDnssecOk: true }, answer => done(query, answer));
        return true;
    }

    internal static DnsMessage Response(DnsMessage query, DnsAnswer answer)
    {
        bool isBadVersion = query.Extension is { Version: not 0 };
        return new()
        {
            Id = query.Id,
            Flags = DnsFlags.Response | DnsFlags.RecursionAvailable | (query.Flags & (DnsFlags.RecursionDesired | DnsFlags.CheckingDisabled | DnsFlags.OpcodeMask)) | (DnsFlags)(isBadVersion ? 0 : answer.ResponseCode),
            Question = query.Question,
            Answers = answer.Answers,
            Authorities = answer.Authorities,
            Extension = query.Extension is { } e ? new(DnsMessage.UdpSize, 0, e.IsDnssecOk, (byte)(isBadVersion ? 1 : 0)) : null,
        };
    }

    private static byte Judge(DnsMessage query)
    {
        if (query.Opcode != 0 || query.Question.Type is DnsType.Axfr or DnsType.Ixfr)
        {
            return DnsResponseCode.NotImplemented;
        }

        // BADVERS is 16 ([RFC 6891] 6.1.3): its lower bits are 0, the upper ones go into OPT; whatever is not 0 here keeps the question from being asked.
        if (query.Extension is { Version: not 0 })
        {
            return DnsResponseCode.FormatError;
        }

        return (query.Flags & DnsFlags.RecursionDesired) == 0 || query.Question.Type == DnsType.Opt ? DnsResponseCode.Refused : DnsResponseCode.NoError;
    }
}
