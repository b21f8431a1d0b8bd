using Makatea.Platform;

namespace Makatea.NetStack.Tests;

/// <summary>The client against the server; each is tried against Linux's elsewhere.</summary>
public sealed class DhcpTests
{
    private static readonly MacAddress _mac = new(0x52540012_3456);
    private static readonly IpAddress _router = Parse("10.137.255.1");

    private readonly SimulatedNetwork _network = new(1);
    private readonly SimulatedHost _client;
    private readonly SimulatedHost _server;
    private readonly DhcpServer _dhcp;
    private readonly DhcpClient _dhcpClient;
    private readonly List<DhcpLease?> _leases = [];
    private readonly List<(DhcpMessage Message, IpPacketInfo Info)> _messages = [];

    public DhcpTests()
    {
        _client = _network.AddHost();
        _server = _network.AddHost(_router.ToString());
        _dhcp = new(_server.Udp);
        _dhcp.Serve(_server.Port, Host());
        _dhcpClient = new(_client, _client.Udp, new(3), _client.Port, _mac, lease =>
        {
            _leases.Add(lease);
            _client.Addresses.Clear();
            _client.Addresses.AddRange(lease is null ? [] : [lease.Address]);
        });
        _client.Dispatcher.AddTimer(_dhcpClient);
        _network.Tap = (info, payload) =>
        {
            Assert.True(DhcpMessage.TryRead(payload.AsSpan(8), out DhcpMessage message));
            _messages.Add((message, info));
            return true;
        };
    }

    [Fact]
    public void ALeaseIsGot()
    {
        _dhcpClient.Start();
        _network.Run(1000);
        DhcpLease lease = Assert.Single(_leases)!;
        Assert.Equal("10.137.0.5", lease.Address.ToString());
        Assert.Equal((32, 1400, 3600u, _router), (lease.PrefixLength, lease.Mtu, lease.Seconds, lease.Server));
        Assert.Equal(["10.139.1.1", "10.139.1.2"], lease.DnsServers.Select(a => a.ToString()));
        Assert.Equal([(new IpPrefix(_router, 32), IpAddress.Any4), (IpPrefix.All4, _router)], lease.Routes);
        Assert.Equal([DhcpMessageType.Discover, DhcpMessageType.Offer, DhcpMessageType.Request, DhcpMessageType.Ack], _messages.Select(m => m.Message.Type));
        Assert.Single(_messages.Select(m => m.Message.Transaction).Distinct());
        Assert.All(_messages, m => Assert.Equal(IpAddress.Broadcast4, m.Info.Destination));
    }

    /// <summary>[RFC 2131] 4.4.5: half the lease, with the server alone; seven eighths, with all; then it is over.</summary>
    [Fact]
    public void ALeaseIsRenewedReboundAndLost()
    {
        _dhcpClient.Start();
        _network.Run(1000);
        long bound = _network.Now;
        _messages.Clear();
        _network.RunUntil(() => _leases.Count == 2, 4_000_000);
        Assert.InRange(_network.Now - bound, 1_798_000, 1_801_000);
        Assert.Equal((DhcpMessageType.Request, _router, _leases[0]!.Address), (_messages[0].Message.Type, _messages[0].Info.Destination, _messages[0].Message.ClientAddress));
        Assert.True(_messages[0].Message.Options.Address(DhcpOption.ServerIdentifier).IsUnspecified && _messages[0].Message.Options.Address(DhcpOption.RequestedAddress).IsUnspecified);
        Assert.Equal(2, _leases.Count);

        long renewed = _network.Now;
        _dhcp.Serve(_server.Port, null);
        _messages.Clear();
        _network.RunUntil(() => _leases.Count == 3, 4_000_000);
        Assert.Null(_leases[2]);
        Assert.InRange(_network.Now - renewed, 3_598_000, 3_601_000);
        Assert.Contains(_messages, m => m.Info.Destination == _router);
        Assert.Contains(_messages, m => m.Info.Destination == IpAddress.Broadcast4 && m.Message.ClientAddress == _leases[0]!.Address);
        Assert.InRange(_messages.Count, 4, 20);

        _dhcp.Serve(_server.Port, Host());
        Assert.True(_network.RunUntil(() => _leases.Count == 4, 130_000));
    }

    [Fact]
    public void NobodyThereIsAskedLessAndLess()
    {
        _dhcp.Serve(_server.Port, null);
        _dhcpClient.Start();
        _network.Run(600_000);
        Assert.InRange(_messages.Count, 11, 15); // after 0, 4, 12, 28, 60, 124, and each 64 s
    }

    [Fact]
    public void ALossyLinkDelaysALease()
    {
        _network.Faults = new() { Loss = 0.5, Duplication = 0.3, Corruption = 0.1 };
        _network.Tap = null;
        _dhcpClient.Start();
        Assert.True(_network.RunUntil(() => _leases.Count > 0, 1_000_000));
    }

    [Fact]
    public void ARememberedLeaseIsConfirmedOrRefused()
    {
        _dhcpClient.Start();
        _network.Run(1000);
        _messages.Clear();
        _dhcpClient.Confirm();
        _network.Run(1000);
        Assert.Equal([DhcpMessageType.Request, DhcpMessageType.Ack], _messages.Select(m => m.Message.Type));
        Assert.Equal(2, _leases.Count);

        _dhcp.Serve(_server.Port, Host() with { Address = Parse("10.137.0.6") });
        _messages.Clear();
        _dhcpClient.Confirm();
        _network.Run(10_000);
        Assert.Equal(
            [DhcpMessageType.Request, DhcpMessageType.Nak, DhcpMessageType.Discover, DhcpMessageType.Offer, DhcpMessageType.Request, DhcpMessageType.Ack], _messages.Select(m => m.Message.Type));
        Assert.Equal([null, "10.137.0.6"], _leases[2..].Select(lease => lease?.Address.ToString()));
    }

    [Fact]
    public void StoppingGivesTheLeaseBack()
    {
        _dhcpClient.Start();
        _network.Run(1000);
        _dhcpClient.Stop();
        _network.Run(1000);
        Assert.Equal(DhcpMessageType.Release, _messages[^1].Message.Type);
        Assert.Null(_leases[^1]);
        Assert.True(_client.Udp.TryOpen(68, new NoHandler()));
    }

    [Theory]
    [InlineData(true, 0xffff_ffff)]
    [InlineData(false, 0xffff_0000)] // the smallest network with both
    public void AClientThatTakesNoRoutesGetsALargerNetwork(bool takesRoutes, uint mask)
    {
        var message = new DhcpMessage { IsReply = false, Transaction = 1, Hardware = _mac, Type = DhcpMessageType.Discover };
        message.Options.Set(DhcpOption.ParameterList, takesRoutes ? [1, 3, 121] : [1, 3]);
        DhcpMessage offer = Answer(message)!;
        Assert.Equal(mask, offer.Options.Number(DhcpOption.SubnetMask));
        Assert.Equal(takesRoutes ? [32, 10, 137, 255, 1, 0, 0, 0, 0, 0, 10, 137, 255, 1] : [], offer.Options.Bytes(DhcpOption.ClasslessRoutes).ToArray());
    }

    [Fact]
    public void AnotherAdapterGetsNothing()
    {
        Assert.Null(Answer(new() { IsReply = false, Transaction = 1, Hardware = new(0x52540012_3457), Type = DhcpMessageType.Discover }));
        Assert.Equal(1, _dhcp.Dropped);
    }

    [Fact]
    public void AnotherAddressIsRefused()
    {
        var message = new DhcpMessage { IsReply = false, Transaction = 1, Hardware = _mac, Type = DhcpMessageType.Request };
        message.Options.Set(DhcpOption.RequestedAddress, Parse("10.137.0.9").IPv4);
        Assert.Equal(DhcpMessageType.Nak, Answer(message)!.Type);
    }

    [Fact]
    public void WhoChoseAnotherServerGetsNoAnswer()
    {
        var message = new DhcpMessage { IsReply = false, Transaction = 1, Hardware = _mac, Type = DhcpMessageType.Request };
        message.Options.Set(DhcpOption.ServerIdentifier, Parse("10.137.0.9").IPv4);
        message.Options.Set(DhcpOption.RequestedAddress, Parse("10.137.0.5").IPv4);
        Assert.Null(Answer(message));
    }

    /// <summary>[RFC 3396] and [RFC 2132] 9.3.</summary>
    [Fact]
    public void OptionsThatComeInPartsAndInOtherFieldsArePutTogether()
    {
        byte[] data = new byte[260];
        (data[0], data[1], data[2]) = (2, 1, 6);
        new byte[] { 0x63, 0x82, 0x53, 0x63, 53, 1, 5, 52, 1, 3, 6, 2, 10, 0, 6, 2, 0, 1, 255 }.CopyTo(data, 236);
        new byte[] { 6, 4, 10, 0, 0, 2, 255 }.CopyTo(data, 108);
        new byte[] { 6, 4, 10, 0, 0, 3, 255 }.CopyTo(data, 44);
        Assert.True(DhcpMessage.TryRead(data, out DhcpMessage message));
        Assert.Equal(["10.0.0.1", "10.0.0.2", "10.0.0.3"], message.Options.Addresses(DhcpOption.DnsServers).Select(a => a.ToString()));
    }

    [Theory]
    [InlineData("0.0.0.0", 0xffffff00, 60)]
    [InlineData("224.0.0.1", 0xffffff00, 60)]
    [InlineData("10.0.0.1", 0xff00ff00, 60)]
    [InlineData("10.0.0.1", 0xffffff00, 0)]
    public void AnOfferThatCannotBeUsedIsDropped(string address, uint mask, uint seconds)
    {
        var message = new DhcpMessage { IsReply = true, Transaction = 1, Hardware = _mac, YourAddress = Parse(address), Type = DhcpMessageType.Offer };
        message.Options.Set(DhcpOption.ServerIdentifier, _router.IPv4);
        message.Options.Set(DhcpOption.SubnetMask, mask);
        message.Options.Set(DhcpOption.LeaseTime, seconds);
        Assert.False(DhcpLease.TryRead(message, out _));
    }

    private static IpAddress Parse(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new FormatException(text);

    private static DhcpHost Host() => new()
    {
        Hardware = _mac,
        Address = Parse("10.137.0.5"),
        Router = _router,
        DnsServers = [Parse("10.139.1.1"), Parse("10.139.1.2")],
        Mtu = 1400,
        Name = "work",
    };

    private DhcpMessage? Answer(DhcpMessage message)
    {
        byte[] buffer = new byte[DhcpMessage.MaximumWritten];
        _client.Udp.Send(0, IpAddress.Any4, 68, IpAddress.Broadcast4, 67, buffer.AsSpan(0, message.Write(buffer)));
        _network.Run(100);
        return _messages.Count > 1 ? _messages[1].Message : null;
    }

    private sealed class NoHandler : IUdpHandler
    {
        public void Receive(in IpPacketInfo info, ushort sourcePort, ReadOnlySpan<byte> data)
        {
        }

        public void ReceiveError(in IpErrorInfo error, ushort destinationPort)
        {
        }
    }
}
