namespace Makatea.NetStack.Tests;

public sealed class LocalDispatcherTests
{
    private static readonly IpAddress _own = Parse("10.0.0.1");
    private static readonly IpAddress _peer = Parse("10.0.0.2");
    private static readonly IpAddress _router = Parse("10.9.9.9");

    private readonly LocalDispatcher _dispatcher = new();
    private readonly Recorder _udp = new();

    public LocalDispatcherTests() => _dispatcher.SetReceiver(17, _udp);

    [Fact]
    public void PacketsGoByProtocol()
    {
        Assert.Equal(LocalDelivery.Delivered, _dispatcher.Receive(new() { Source = _peer, Destination = _own, Protocol = 17 }, [1, 2, 3]));
        Assert.Equal(LocalDelivery.NoProtocol, _dispatcher.Receive(new() { Source = _peer, Destination = _own, Protocol = 6 }, [1, 2, 3]));
        Assert.Equal([1, 2, 3], _udp.Packets.Single());
    }

    /// <summary>[RFC 1191] 4: the MTU of the next hop is in the last two bytes of the header.</summary>
    [Fact]
    public void PacketTooBigReachesTheProtocolOfTheQuotedPacket()
    {
        byte[] message = Error4(3, 4, 17, [9, 9, 9, 9, 8, 8, 8, 8]);
        message[6] = 0x05;
        message[7] = 0x14;
        Assert.Equal(LocalDelivery.Delivered, _dispatcher.Receive(Icmp4(), message));
        (IpErrorInfo error, byte[] quoted) = _udp.Errors.Single();
        Assert.Equal((IpErrorKind.PacketTooBig, 1300, _router, _own, _peer), (error.Kind, error.Mtu, error.Reporter, error.Source, error.Destination));
        Assert.Equal([9, 9, 9, 9, 8, 8, 8, 8], quoted);
    }

    [Theory]
    [InlineData(3, 3, IpErrorKind.Refused)]
    [InlineData(3, 1, IpErrorKind.Unreachable)]
    [InlineData(3, 13, IpErrorKind.Prohibited)]
    [InlineData(11, 0, IpErrorKind.Unreachable)]
    public void KindsOfErrors(byte type, byte code, IpErrorKind kind)
    {
        _dispatcher.Receive(Icmp4(), Error4(type, code, 17, new byte[8]));
        Assert.Equal(kind, _udp.Errors.Single().Error.Kind);
    }

    [Fact]
    public void AnErrorThatIsCutShortIsMalformed()
    {
        byte[] whole = Error4(3, 3, 17, new byte[8]);
        for (int length = 1; length < whole.Length; length++)
        {
            Assert.Equal(LocalDelivery.Malformed, _dispatcher.Receive(Icmp4(), whole.AsSpan(0, length)));
        }

        Assert.Empty(_udp.Errors);
    }

    [Fact]
    public void AnErrorAboutALaterFragmentIsMalformed()
    {
        byte[] message = Error4(3, 3, 17, new byte[8]);
        message[8 + 7] = 1;
        Assert.Equal(LocalDelivery.Malformed, _dispatcher.Receive(Icmp4(), message));
    }

    [Fact]
    public void TheEarliestDeadlineCounts()
    {
        Assert.Equal(IHostTimer.Never, _dispatcher.Tick(0));
        _dispatcher.AddTimer(new Timer(70));
        _dispatcher.AddTimer(new Timer(50));
        Assert.Equal(51, _dispatcher.Tick(1));
    }

    private static IpAddress Parse(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new FormatException(text);

    private static IpPacketInfo Icmp4() => new() { Source = _router, Destination = _own, Protocol = 1 };

    private static byte[] Error4(byte type, byte code, byte protocol, byte[] quoted)
    {
        byte[] message = new byte[8 + 20 + quoted.Length];
        (message[0], message[1]) = (type, code);
        (message[8], message[8 + 9]) = (0x45, protocol);
        _own.Write(message.AsSpan(8 + 12));
        _peer.Write(message.AsSpan(8 + 16));
        quoted.CopyTo(message.AsSpan(28));
        return message;
    }

    private sealed class Recorder : IIpReceiver
    {
        public List<byte[]> Packets { get; } = [];

        public List<(IpErrorInfo Error, byte[] Quoted)> Errors { get; } = [];

        public LocalDelivery Receive(in IpPacketInfo info, ReadOnlySpan<byte> payload)
        {
            Packets.Add(payload.ToArray());
            return LocalDelivery.Delivered;
        }

        public void ReceiveError(in IpErrorInfo error, ReadOnlySpan<byte> quoted) => Errors.Add((error, quoted.ToArray()));
    }

    private sealed class Timer(long after) : IHostTimer
    {
        public long Tick(long now) => now + after;
    }
}
