using System.Buffers.Binary;

namespace Makatea.NetStack.Tests;

public sealed class UdpHostTests
{
    private readonly SimulatedNetwork _network = new(1);
    private readonly Recorder _recorder = new();

    [Theory]
    [InlineData("10.0.0.1", "10.0.0.2")]
    [InlineData("fd00::1", "fd00::2")]
    public void DatagramsArriveByPort(string here, string there)
    {
        SimulatedHost one = _network.AddHost(here);
        SimulatedHost other = _network.AddHost(there);
        Assert.True(other.Udp.TryOpen(53, _recorder));
        Assert.True(one.Udp.Send(0, one.Address, 4000, other.Address, 53, [1, 2, 3]));
        Assert.True(one.Udp.Send(0, one.Address, 4000, other.Address, 54, [1, 2, 3]));
        _network.Run(100);
        (ushort port, byte[] data) = _recorder.Datagrams.Single();
        Assert.Equal(4000, port);
        Assert.Equal([1, 2, 3], data);
        Assert.Equal(1, other.Deliveries[LocalDelivery.NoPort]);
    }

    /// <summary>[RFC 768]: the checksum covers addresses, ports and data.</summary>
    [Fact]
    public void DamagedDatagramsAreDropped()
    {
        SimulatedHost one = _network.AddHost("10.0.0.1");
        SimulatedHost other = _network.AddHost("10.0.0.2");
        other.Udp.TryOpen(53, _recorder);
        _network.Faults = new() { Corruption = 1 };
        for (int i = 0; i < 1000; i++)
        {
            one.Udp.Send(0, one.Address, 4000, other.Address, 53, [1, 2, 3, 4, 5]);
        }

        _network.Run(100);
        Assert.Empty(_recorder.Datagrams);
        Assert.Equal(1000, other.Udp.Malformed);
    }

    [Fact]
    public void ADatagramWithoutChecksumIsTakenOverIPv4Alone()
    {
        SimulatedHost four = _network.AddHost("10.0.0.1");
        SimulatedHost six = _network.AddHost("fd00::1");
        four.Udp.TryOpen(53, _recorder);
        six.Udp.TryOpen(53, _recorder);
        byte[] datagram = [0x10, 0, 0, 53, 0, 9, 0, 0, 7];
        Assert.Equal(LocalDelivery.Delivered, four.Udp.Receive(new() { Source = IpAddress.FromIPv4(1), Destination = four.Address, Protocol = 17 }, datagram));
        Assert.Equal(LocalDelivery.Malformed, six.Udp.Receive(new() { Source = new(1), Destination = six.Address, Protocol = 17 }, datagram));
        Assert.Equal(LocalDelivery.Delivered, six.Udp.Receive(new() { Source = new(1), Destination = six.Address, Protocol = 17, IsChecksumGood = true }, datagram));
    }

    [Fact]
    public void LengthsAreChecked()
    {
        SimulatedHost host = _network.AddHost("10.0.0.1");
        host.Udp.TryOpen(53, _recorder);
        byte[] datagram = new byte[12];
        datagram[3] = 53;
        foreach (ushort length in new ushort[] { 0, 7, 13, ushort.MaxValue })
        {
            BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), length);
            Assert.Equal(LocalDelivery.Malformed, host.Udp.Receive(new() { Source = IpAddress.FromIPv4(1), Destination = host.Address, Protocol = 17, IsChecksumGood = true }, datagram));
        }

        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), 9); // bytes behind the datagram are padding
        host.Udp.Receive(new() { Source = IpAddress.FromIPv4(1), Destination = host.Address, Protocol = 17, IsChecksumGood = true }, datagram);
        Assert.Single(_recorder.Datagrams.Single().Data);
    }

    [Fact]
    public void EndpointsAreBounded()
    {
        SimulatedHost host = _network.AddHost("10.0.0.1");
        var udp = new UdpHost(host, new(1), 3);
        var ports = new HashSet<ushort>();
        for (int i = 0; i < 3; i++)
        {
            Assert.True(udp.TryOpenEphemeral(_recorder, out ushort port));
            Assert.InRange(port, EphemeralPorts.First, EphemeralPorts.Last);
            Assert.True(ports.Add(port));
        }

        Assert.False(udp.TryOpenEphemeral(_recorder, out _));
        Assert.False(udp.TryOpen(53, _recorder));
        udp.Close(ports.First());
        Assert.True(udp.TryOpen(53, _recorder));
        Assert.False(udp.TryOpen(53, _recorder));
    }

    private sealed class Recorder : IUdpHandler
    {
        public List<(ushort Port, byte[] Data)> Datagrams { get; } = [];

        public void Receive(in IpPacketInfo info, ushort sourcePort, ReadOnlySpan<byte> data) => Datagrams.Add((sourcePort, data.ToArray()));

        public void ReceiveError(in IpErrorInfo error, ushort destinationPort)
        {
        }
    }
}
