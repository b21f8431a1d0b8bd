using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack.Tests;

/// <summary>
/// Bytes by chance, and valid messages with some bytes changed, cut off or doubled, into every parser of the services, with all services running: nothing is thrown, nothing hangs, and what is kept stays
/// within its bounds. A run is repeated by its seed.
/// </summary>
public sealed class ParserFuzzTests
{
    private const int Rounds = 20_000;

    private readonly SimulatedNetwork _network = new(1);
    private readonly SimulatedHost _host;
    private readonly IpAddress _peer4 = Parse("10.0.0.9");
    private readonly IpAddress _peer6 = Parse("fe80::9");
    private readonly MacAddress _mac = new(0x52540012_3456);

    public ParserFuzzTests()
    {
        _host = _network.AddHost("10.0.0.1", "fe80::1");
        _network.AddHost(_peer4.ToString(), _peer6.ToString());
        _host.UseTcp(new() { MaximumConnections = 8, MaximumConnectionsPerPort = 8, MaximumHalfOpenPerPort = 8, MaximumTimeWait = 8, SendBuffer = 4096, ReceiveBuffer = 4096 });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Dns(int seed)
    {
        var random = new Random(seed);
        var resolver = new DnsResolver(_host, _host.Udp, new(5), null, new() { MaximumQuestions = 8, CacheBytes = 10_000, CacheEntries = 20 }) { Servers = [_peer4] };
        _host.Dispatcher.AddTimer(resolver);
        var forwarder = new DnsForwarder(resolver);
        forwarder.Serve(_host.Port, true);
        DnsName name = DnsMessageTests.Parse("www.example.org");
        DnsName alias = DnsMessageTests.Parse("alias.example.org");
        byte[] query = Write(new() { Id = 1, Flags = DnsFlags.RecursionDesired, Question = new(name, 1), Extension = new(1232, 0, true, 0) });
        byte[] response = Write(new()
        {
            Id = 1,
            Flags = DnsFlags.Response,
            Question = new(name, 1),
            Answers = [FakeDnsServer.Alias(name, alias, 60), FakeDnsServer.Address(alias, 60, 1, 2, 3, 4), new(alias, DnsType.Mx, 1, 60, [0, 1, .. alias.Wire])],
            Authorities = [FakeDnsServer.Authority(alias, 60, 60)],
            Extension = new(1232, 0, true, 0),
        });
        for (int i = 0; i < Rounds; i++)
        {
            byte[] message = Mutate(random, random.Next(2) == 0 ? query : response);
            if (DnsReader.TryRead(message, out DnsMessage read))
            {
                // What was read can be written, and read again as the same.
                byte[] buffer = new byte[65535];
                int length = DnsWriter.Write(read, buffer);
                Assert.True(DnsReader.TryRead(buffer.AsSpan(0, length), out DnsMessage again));
                Assert.Equal(read.Answers.Select(a => (a.Owner, a.Type, a.Ttl, Convert.ToHexString(a.Data))), again.Answers.Select(a => (a.Owner, a.Type, a.Ttl, Convert.ToHexString(a.Data))));
                DnsAnswer answer = DnsAnswerFilter.Filter(new(name, 1), true, read);
                Assert.All(answer.Answers.Where(a => a.Type == 1), a => Assert.Contains(a.Owner, new[] { name }.Concat(answer.Answers.Where(b => b.Type == DnsType.Cname).Select(b => new DnsName(b.Data)))));
                _ = answer.Addresses().Count();
                resolver.Cache.Add(new(read.Question, false), answer, _network.Now);
            }

            Udp(_peer4, _host.Address, 4000, 53, message);
            Assert.True(resolver.Outstanding <= 8 && resolver.Cache.Count <= 20 && resolver.Cache.Bytes <= 10_000);
            if (i % 50 == 0)
            {
                _network.Run(100);
            }
        }

        Assert.True(forwarder.Questions > 0 && forwarder.Dropped > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Dhcp(int seed)
    {
        var random = new Random(seed);
        var leases = new List<DhcpLease?>();
        var client = new DhcpClient(_host, _host.Udp, new(3), _host.Port, _mac, leases.Add);
        _host.Dispatcher.AddTimer(client);
        var server = new DhcpServer(_host.Udp);
        server.Serve(_host.Port, new() { Hardware = _mac, Address = Parse("10.0.0.9"), Router = _host.Address, DnsServers = [_host.Address] });
        client.Start();
        uint transaction = 0;
        _network.Tap = (_, payload) =>
        {
            transaction = DhcpMessage.TryRead(payload.AsSpan(8), out DhcpMessage sent) && !sent.IsReply ? sent.Transaction : transaction;
            return true;
        };
        byte[] buffer = new byte[DhcpMessage.MaximumWritten];
        for (int i = 0; i < Rounds; i++)
        {
            bool isReply = random.Next(2) == 0;
            var message = new DhcpMessage
            {
                IsReply = isReply,
                Transaction = transaction,
                Hardware = _mac,
                YourAddress = isReply ? _peer4 : IpAddress.Any4,
                Type = (DhcpMessageType)random.Next(9),
            };
            message.Options.Set(DhcpOption.ServerIdentifier, (isReply ? _peer4 : _host.Address).IPv4);
            message.Options.Set(DhcpOption.LeaseTime, (uint)random.Next(1, 1000));
            message.Options.Set(DhcpOption.ClasslessRoutes, 24, 10, 0, 1, 10, 0, 0, 9, 0, 10, 0, 0, 9);
            message.Options.Set(DhcpOption.ClientIdentifier, new byte[random.Next(200)]);
            byte[] data = Mutate(random, buffer[..message.Write(buffer)]);
            Udp(_peer4, IpAddress.Broadcast4, (ushort)(isReply ? 67 : 68), (ushort)(isReply ? 68 : 67), data);
            if (i % 20 == 0)
            {
                _network.Run(random.Next(100_000));
            }
        }

        Assert.Contains(leases, lease => lease is not null);
        Assert.True(client.Dropped > 0 && server.Dropped > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void RouterDiscoveryAndDhcp6(int seed)
    {
        var random = new Random(seed);
        int changes = 0;
        var solicitor = new RouterSolicitor(_host, _host.Port, _mac, uplink =>
        {
            changes++;
            Assert.True(uplink is null || (uplink.DnsServers.Count <= 3 && uplink.Router.IsLinkLocal && uplink.Mtu is 0 or >= 1280));
        });
        var advertiser = new RouterAdvertiser(_host, new(4));
        (_host.Discovery.Solicitor, _host.Discovery.Advertiser) = (solicitor, advertiser);
        _host.Dispatcher.AddTimer(solicitor);
        _host.Dispatcher.AddTimer(advertiser);
        var server = new Dhcp6Server(_host.Udp);
        server.Serve(_host.Port, new(Parse("fd00::5"), Parse("fe80::1"), _mac, [Parse("fd00::53")]));
        advertiser.Serve(_host.Port, new(Parse("fe80::1"), _mac, 1500, [Parse("fd00::53")]));
        byte[] advertisement =
        [
            134, 0, 0, 0, 64, 0x80, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 64, 0xc0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, .. new byte[12], 5, 1, 0, 0, 0, 0, 5, 0xdc,
            25, 3, 0, 0, 0, 0, 1, 0, 0x20, 1, 0xd, 0xb8, .. new byte[11], 1, 1, 1, 2, 0, 0, 0, 0, 1,
        ];
        byte[] solicit = [1, 1, 2, 3, 0, 1, 0, 4, 0, 3, 0, 1, 0, 3, 0, 12, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0, 12, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 0, 0];
        for (int i = 0; i < Rounds; i++)
        {
            byte[] message = Mutate(random, random.Next(4) == 0 ? [133, .. new byte[7], 1, 1, 2, 0, 0, 0, 0, 1] : advertisement);
            _host.Dispatcher.Receive(
                new() { Port = _host.Port, Source = _peer6, Destination = RouterDiscovery.AllNodes, Protocol = 58, HopLimit = 255, IsChecksumGood = true }, message);
            byte[] request = Mutate(random, solicit);
            Udp(_peer6, Dhcp6Server.Group, Dhcp6Server.ClientPort, Dhcp6Server.ServerPort, request);
            if (i % 20 == 0)
            {
                _network.Run(random.Next(10_000));
            }
        }

        Assert.True(changes > 0 && server.Dropped is > 0 and < Rounds);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Tcp(int seed)
    {
        var random = new Random(seed);
        var connections = new List<TcpConnection>();
        int accepted = 0;
        _host.Tcp.Listen(80, connection =>
        {
            connections.Add(connection);
            accepted++;
        });
        uint mine = 0;
        uint theirs = 0;
        ushort port = 4000;
        _network.Tap = (_, payload) =>
        {
            if (TcpHeader.TryRead(payload, out TcpHeader sent) && sent.DestinationPort == port)
            {
                (mine, theirs) = (sent.Sequence + (sent.Has(TcpControl.Syn) ? 1u : 0), sent.Acknowledgement);
            }

            return false;
        };
        byte[] buffer = new byte[2000];
        for (int i = 0; i < Rounds; i++)
        {
            if (random.Next(20) == 0)
            {
                port = (ushort)(4000 + random.Next(4));
                theirs = (uint)random.Next();
            }

            var header = new TcpHeader
            {
                SourcePort = port,
                DestinationPort = 80,
                Sequence = theirs + (uint)(random.Next(3) == 0 ? random.Next(-5000, 5000) : 0),
                Acknowledgement = mine + (uint)(random.Next(3) == 0 ? random.Next(-5000, 5000) : 0),
                Control = (TcpControl)(random.Next(8) switch { 0 => 2, 1 => 4, 2 => 1 | 16, 3 => random.Next(32), _ => 16 }),
                Window = (ushort)random.Next(ushort.MaxValue),
                SegmentSize = (ushort)random.Next(ushort.MaxValue),
                Scale = random.Next(-1, 20),
                IsSackPermitted = true,
                SackCount = random.Next(3),
            };
            header.Sacks[0] = new(mine + (uint)random.Next(2000), mine + (uint)random.Next(2000));
            header.Sacks[1] = new((uint)random.Next(), mine);
            int length = header.Write(buffer) + random.Next(1000);
            byte[] segment = random.Next(3) == 0 ? Mutate(random, buffer[..length]) : buffer[..length];
            _host.Dispatcher.Receive(new() { Port = _host.Port, Source = _peer4, Destination = _host.Address, Protocol = 6, IsChecksumGood = true }, segment);
            Assert.True(_host.Tcp.Connections <= 8 && _host.Tcp.HalfOpen <= 8 && _host.Tcp.TimeWaits <= 8);
            foreach (TcpConnection connection in connections.Where(_ => random.Next(10) == 0))
            {
                Use(connection, random);
            }

            connections.RemoveAll(connection => connection.State == TcpState.Closed);
            if (i % 10 == 0)
            {
                _network.Run(random.Next(300));
            }
        }

        Assert.True(_host.Tcp.Malformed > 0 && accepted > 100, $"{accepted} connections");
        _network.Tap = (_, _) => false;
        connections.ForEach(connection => connection.Abort());
        _network.Run(300_000);
        Assert.Equal((0, 0, 0), (_host.Tcp.Connections, _host.Tcp.HalfOpen, _host.Tcp.TimeWaits));
    }

    [Fact]
    public void IcmpErrors()
    {
        var random = new Random(1);
        byte[] error = [3, 4, 0, 0, 0, 0, 5, 0, 0x45, .. new byte[8], 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 9, 0, 80, 0, 80, 1, 2, 3, 4];
        for (int i = 0; i < Rounds; i++)
        {
            bool isIPv6 = random.Next(2) == 0;
            _host.Dispatcher.Receive(
                new() { Source = isIPv6 ? _peer6 : _peer4, Destination = isIPv6 ? _host.Addresses[1] : _host.Address, Protocol = isIPv6 ? (byte)58 : (byte)1, IsChecksumGood = true }, Mutate(random, error));
        }
    }

    private static IpAddress Parse(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new FormatException(text);

    private static void Use(TcpConnection connection, Random random)
    {
        switch (random.Next(8))
        {
            case 0:
                connection.Output.Complete();
                break;
            case 1:
                connection.Abort();
                break;
            case 2:
                connection.Input.Complete();
                break;
            default:
                try
                {
                    connection.Output.GetSpan(500)[..500].Clear();
                    connection.Output.Advance(500);
                    _ = connection.Output.FlushAsync();
                    if (connection.Input.TryRead(out System.IO.Pipelines.ReadResult result))
                    {
                        connection.Input.AdvanceTo(result.Buffer.End);
                    }
                }
                catch (Exception e) when (e is InvalidOperationException or TcpException)
                {
                    // The pipe was completed.
                }

                break;
        }
    }

    private static byte[] Write(DnsMessage message)
    {
        byte[] buffer = new byte[1232];
        return buffer[..DnsWriter.Write(message, buffer)];
    }

    private static byte[] Mutate(Random random, byte[] valid)
    {
        byte[] bytes = [.. valid];
        switch (random.Next(6))
        {
            case 0:
                bytes = new byte[random.Next(300)];
                random.NextBytes(bytes);
                return bytes;
            case 1:
                return bytes[..random.Next(bytes.Length + 1)];
            case 2:
                int at = random.Next(bytes.Length);
                return [.. bytes[..at], .. bytes[random.Next(bytes.Length)..], .. bytes[at..]];
            case 3:
                return bytes;
            default:
                for (int count = random.Next(1, 5); count > 0; count--)
                {
                    bytes[random.Next(bytes.Length)] = (byte)(random.Next(3) == 0 ? 0xff : random.Next(256));
                }

                return bytes;
        }
    }

    private void Udp(IpAddress from, IpAddress to, ushort source, ushort destination, byte[] data)
    {
        byte[] datagram = new byte[8 + data.Length];
        BinaryPrimitives.WriteUInt16BigEndian(datagram, source);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(2), destination);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        data.CopyTo(datagram, 8);
        _host.Dispatcher.Receive(new() { Port = _host.Port, Source = from, Destination = to, Protocol = 17, IsChecksumGood = true }, datagram);
    }
}
