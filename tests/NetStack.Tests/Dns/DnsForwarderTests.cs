using static Makatea.NetStack.Tests.FakeDnsServer;

namespace Makatea.NetStack.Tests;

public sealed class DnsForwarderTests : IUdpHandler
{
    private static readonly DnsName _name = DnsMessageTests.Parse("www.example.org");

    private readonly SimulatedNetwork _network = new(1);
    private readonly SimulatedHost _domain;
    private readonly SimulatedHost _qube;
    private readonly FakeDnsServer _server;
    private readonly DnsForwarder _forwarder;
    private readonly List<DnsMessage> _responses = [];
    private int _largest;

    public DnsForwarderTests()
    {
        _domain = _network.AddHost("10.139.1.1", "10.139.1.2");
        _qube = _network.AddHost("10.137.0.5");
        _server = new(_network.AddHost("10.0.0.53"));
        var resolver = new DnsResolver(_domain, _domain.Udp, new(5)) { Servers = [_network.Hosts[2].Address] };
        _domain.Dispatcher.AddTimer(resolver);
        _forwarder = new(resolver);
        _forwarder.Serve(_domain.Port, true);
        _qube.Udp.TryOpen(4000, this);
        _server.Answer = query => Reply(query, 0, Address(_name, 60, 192, 0, 2, 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void AQuestionIsAnsweredFromTheAddressAsked(int server)
    {
        IpAddress? from = null;
        _network.Tap = (info, _) =>
        {
            from = info.Destination == _qube.Address ? info.Source : from;
            return true;
        };
        DnsMessage response = Ask(Query(), server).Single();
        Assert.Equal(_domain.Addresses[server], from);
        Assert.Equal((77, "WWW.example.org"), (response.Id, response.Question.Name.ToString()));
        Assert.Equal([192, 0, 2, 1], response.Answers.Single().Data);
        Assert.True(response.Flags.HasFlag(DnsFlags.Response | DnsFlags.RecursionAvailable | DnsFlags.RecursionDesired));
    }

    [Fact]
    public void PortsThatAreNotServedGetNoAnswer()
    {
        _forwarder.Serve(_domain.Port, false);
        Assert.Empty(Ask(Query()));
        Assert.Equal(1, _forwarder.Dropped);
    }

    [Theory]
    [InlineData(512, 20, false)]
    [InlineData(512, 60, true)]
    [InlineData(1232, 60, false)]
    [InlineData(0, 60, true)]
    public void AnswersFitWhatTheClientTakes(ushort size, int records, bool isTruncated)
    {
        _server.Answer = query => new()
        {
            Id = query.Id,
            Flags = DnsFlags.Response,
            Question = query.Question,
            Answers = [.. Enumerable.Range(0, records).Select(i => new DnsRecord(_name, DnsType.A, 1, 60, [10, 0, 0, (byte)i]))],
        };
        DnsMessage response = Ask(Query(size)).Single();
        Assert.Equal(isTruncated, response.Flags.HasFlag(DnsFlags.Truncated));
        Assert.Equal(isTruncated ? 0 : records, response.Answers.Count);
        Assert.InRange(_largest, 12, Math.Max((int)size, 512));
    }

    [Theory]
    [InlineData(DnsType.Axfr, DnsResponseCode.NotImplemented)]
    [InlineData(DnsType.Opt, DnsResponseCode.Refused)]
    public void WhatIsNotForwardedIsRefused(ushort type, byte code)
    {
        Assert.Equal(code, Ask(Query(type: type)).Single().ResponseCode);
        Assert.Empty(_server.Queries);
    }

    /// <summary>[RFC 6891] 6.1.3: BADVERS is 16, its upper bits in the OPT record.</summary>
    [Fact]
    public void LaterVersionsOfExtensionsAreRefused()
    {
        DnsMessage response = Ask(Query(version: 1)).Single();
        Assert.Equal((0, 1), (response.ResponseCode, (int)response.Extension!.Value.ExtendedCode));
        Assert.Empty(response.Answers);
    }

    [Fact]
    public void ResponsesAndNoiseAreDropped()
    {
        DnsMessage query = Query();
        Assert.Empty(Ask(Reply(query, 0)));
        _qube.Udp.Send(0, _qube.Address, 4000, _domain.Address, 53, [1, 2, 3]);
        _network.Run(100);
        Assert.Empty(_responses);
        Assert.Equal(2, _forwarder.Dropped);
    }

    void IUdpHandler.Receive(in IpPacketInfo info, ushort sourcePort, ReadOnlySpan<byte> data)
    {
        Assert.True(DnsReader.TryRead(data, out DnsMessage response));
        _largest = Math.Max(_largest, data.Length);
        _responses.Add(response);
    }

    void IUdpHandler.ReceiveError(in IpErrorInfo error, ushort destinationPort)
    {
    }

    private static DnsMessage Query(ushort size = 512, ushort type = DnsType.A, byte version = 0) => new()
    {
        Id = 77,
        Flags = DnsFlags.RecursionDesired,
        Question = new(DnsMessageTests.Parse("WWW.example.org"), type),
        Extension = size == 0 ? null : new(size, version, false, 0),
    };

    private List<DnsMessage> Ask(DnsMessage query, int server = 0)
    {
        byte[] buffer = new byte[512];
        _qube.Udp.Send(0, _qube.Address, 4000, _domain.Addresses[server], 53, buffer.AsSpan(0, DnsWriter.Write(query, buffer)));
        _network.Run(1000);
        return _responses;
    }
}
