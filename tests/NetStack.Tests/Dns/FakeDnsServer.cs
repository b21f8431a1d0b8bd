namespace Makatea.NetStack.Tests;

/// <summary>A server whose answers a test chooses.</summary>
internal sealed class FakeDnsServer : IUdpHandler
{
    private readonly SimulatedHost _host;

    internal FakeDnsServer(SimulatedHost host)
    {
        _host = host;
        host.Udp.TryOpen(53, this);
    }

    internal List<(DnsMessage Query, ushort Port)> Queries { get; } = [];

    /// <summary>Null answers nothing.</summary>
    internal Func<DnsMessage, DnsMessage?> Answer { get; set; } = _ => null;

    internal static DnsMessage Reply(DnsMessage query, byte code, params DnsRecord[] answers) => new()
    {
        Id = query.Id,
        Flags = DnsFlags.Response | DnsFlags.RecursionAvailable | (DnsFlags)code,
        Question = query.Question,
        Answers = answers,
    };

    internal static DnsRecord Address(DnsName name, uint ttl, params byte[] address) => new(name, address.Length == 4 ? DnsType.A : DnsType.Aaaa, 1, ttl, address);

    internal static DnsRecord Alias(DnsName name, DnsName target, uint ttl) => new(name, DnsType.Cname, 1, ttl, target.Wire.ToArray());

    internal static DnsRecord Authority(DnsName zone, uint ttl, uint minimum) =>
        new(zone, DnsType.Soa, 1, ttl, [0, 0, .. new byte[16], (byte)(minimum >> 24), (byte)(minimum >> 16), (byte)(minimum >> 8), (byte)minimum]);

    public void Receive(in IpPacketInfo info, ushort sourcePort, ReadOnlySpan<byte> data)
    {
        Assert.True(DnsReader.TryRead(data, out DnsMessage query));
        Queries.Add((query, sourcePort));
        if (Answer(query) is { } answer)
        {
            Send(info.Source, sourcePort, answer);
        }
    }

    public void ReceiveError(in IpErrorInfo error, ushort destinationPort)
    {
    }

    internal void Send(IpAddress to, ushort port, DnsMessage message)
    {
        byte[] buffer = new byte[UdpHost.MaximumData];
        _host.Udp.Send(0, _host.Address, 53, to, port, buffer.AsSpan(0, DnsWriter.Write(message, buffer)));
    }
}
