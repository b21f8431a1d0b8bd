using Makatea.Platform;

namespace Makatea.NetStack.Tests;

public sealed class RouterDiscoveryTests
{
    private static readonly MacAddress _hardware = new(0x52540012_3456);
    private static readonly IpAddress _server = Parse("fd09::53");

    private readonly SimulatedNetwork _network = new(1);
    private readonly SimulatedHost _router;
    private readonly SimulatedHost _host;
    private readonly RouterAdvertiser _advertiser;
    private readonly RouterSolicitor _solicitor;
    private readonly List<AdvertisedUplink?> _uplinks = [];
    private readonly List<byte> _types = [];

    public RouterDiscoveryTests()
    {
        _router = _network.AddHost("fe80::1");
        _host = _network.AddHost(IpAddress.LinkLocal(_hardware).ToString());
        _advertiser = new(_router, new(4));
        _router.Discovery.Advertiser = _advertiser;
        _router.Dispatcher.AddTimer(_advertiser);
        _solicitor = new(_host, _host.Port, _hardware, _uplinks.Add);
        _host.Discovery.Solicitor = _solicitor;
        _host.Dispatcher.AddTimer(_solicitor);
        _network.Tap = (info, payload) =>
        {
            Assert.Equal(255, info.HopLimit);
            _types.Add(payload[0]);
            return true;
        };
    }

    [Fact]
    public void ARouterIsFoundByAsking()
    {
        _advertiser.Serve(_router.Port, new(_router.Address, new(0x02), 1400, [_server]));
        _network.Run(1000);
        Assert.Single(_uplinks);
        _uplinks.Clear();
        _types.Clear();
        _network.Run(100_000);
        _solicitor.Start();
        _network.Run(1000);
        Assert.Equal([133, 134], _types);
        AdvertisedUplink uplink = _solicitor.Uplink!;
        Assert.Equal((_router.Address, 1400, true, _server), (uplink.Router, uplink.Mtu, uplink.IsManaged, uplink.DnsServers.Single()));
        Assert.True(uplink.Address.IsUnspecified);
    }

    [Fact]
    public void AnAddressIsMadeOfThePrefixAndRunsOut()
    {
        Advertise(lifetime: 1800, valid: 600, preferred: 300);
        AdvertisedUplink uplink = Assert.Single(_uplinks)!;
        Assert.Equal(("2001:db8:1:2:5054:ff:fe12:3456", 64), (uplink.Address.ToString(), uplink.PrefixLength));
        _network.Run(599_000);
        Assert.Single(_uplinks);
        _network.Run(2_000);
        Assert.True(_uplinks[^1]!.Address.IsUnspecified);
        _network.Run(1_200_000);
        Assert.Null(_uplinks[^1]);
    }

    /// <summary>[RFC 4862] 5.5.3 e.</summary>
    [Fact]
    public void ALifetimeIsNotCutBelowTwoHours()
    {
        Advertise(lifetime: 65535, valid: 30_000, preferred: 300);
        Advertise(lifetime: 65535, valid: 0, preferred: 0);
        _network.Run(7_100_000);
        Assert.False(_solicitor.Uplink!.Address.IsUnspecified);
        _network.Run(200_000);
        Assert.True(_solicitor.Uplink!.Address.IsUnspecified);
    }

    [Fact]
    public void ARouterThatGoesSaysSo()
    {
        _advertiser.Serve(_router.Port, new(_router.Address, new(0x02), 1400, []));
        _network.Run(1000);
        _advertiser.Serve(_router.Port, null);
        _network.Run(1000);
        Assert.Null(_uplinks[^1]);
    }

    [Fact]
    public void AdvertisementsComeAtIntervals()
    {
        _advertiser.Serve(_router.Port, new(_router.Address, new(0x02), 1400, []));
        _network.Run(3_600_000);
        Assert.InRange(_types.Count, 6, 19);
    }

    [Fact]
    public void SolicitationsAreNotAnsweredMoreThanTwiceASecond()
    {
        _advertiser.Serve(_router.Port, new(_router.Address, new(0x02), 1400, []));
        for (int i = 0; i < 1000; i++)
        {
            _solicitor.Start();
            _network.Run(10);
        }

        Assert.InRange(_types.Count(type => type == 134), 10, 22);
    }

    [Theory]
    [InlineData(64, 0, 16, "fe80::1")] // through a router
    [InlineData(255, 1, 16, "fe80::1")] // code
    [InlineData(255, 0, 15, "fe80::1")] // too short
    [InlineData(255, 0, 16, "2001:db8::1")] // not link-local
    public void AdvertisementsThatCannotBeAreDropped(byte hopLimit, byte code, int length, string source)
    {
        byte[] message = new byte[length];
        (message[0], message[1], message[6]) = (134, code, 1);
        Receive(message, source, hopLimit);
        Assert.Null(_solicitor.Uplink);
        byte[] good = new byte[16];
        (good[0], good[6]) = (134, 1);
        Receive(good, "fe80::1", 255);
        Assert.NotNull(_solicitor.Uplink);
    }

    [Fact]
    public void OptionsOfNoLengthAreRefused()
    {
        byte[] message = new byte[24];
        (message[0], message[6], message[16]) = (134, 1, 1);
        Assert.Equal(LocalDelivery.Malformed, Receive(message, "fe80::1", 255));
        message[17] = 2; // beyond the end
        Assert.Equal(LocalDelivery.Malformed, Receive(message, "fe80::1", 255));
        message[17] = 1;
        Assert.Equal(LocalDelivery.Delivered, Receive(message, "fe80::1", 255));
    }

    private static IpAddress Parse(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new FormatException(text);

    private LocalDelivery Receive(byte[] message, string source, byte hopLimit)
    {
        message.AsSpan(2, 2).Clear();
        Checksum.Write(message.AsSpan(2), Checksum.Add(message, Checksum.PseudoHeader(Parse(source), RouterDiscovery.AllNodes, 58, message.Length)));
        return _host.Dispatcher.Receive(new() { Port = _host.Port, Source = Parse(source), Destination = RouterDiscovery.AllNodes, Protocol = 58, HopLimit = hopLimit }, message);
    }

    private void Advertise(ushort lifetime, int valid, int preferred)
    {
        byte[] message = new byte[16 + 32];
        message[0] = 134;
        (message[6], message[7]) = ((byte)(lifetime >> 8), (byte)lifetime);
        (message[16], message[17], message[18], message[19]) = (3, 4, 64, 0xc0);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(20), valid);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(24), preferred);
        Parse("2001:db8:1:2::").Write(message.AsSpan(32));
        Receive(message, "fe80::1", 255);
    }
}
