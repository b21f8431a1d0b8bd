using System.Numerics;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>What a qube is told by DHCP: its one address, and how to get out.</summary>
public sealed record DhcpHost
{
    /// <summary>The qube's Ethernet address.</summary>
    public required MacAddress Hardware { get; init; }

    /// <summary>The qube's IPv4 address.</summary>
    public required IpAddress Address { get; init; }

    /// <summary>Length of the prefix of its network.</summary>
    public int PrefixLength { get; init; } = 32;

    /// <summary>The domain's address towards the qube: its router, and the server.</summary>
    public required IpAddress Router { get; init; }

    /// <summary>DNS servers.</summary>
    public IReadOnlyList<IpAddress> DnsServers { get; init; } = [];

    /// <summary>MTU of the port.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>Name of the qube; null tells none.</summary>
    public string? Name { get; init; }
}

/// <summary>
/// Tells qubes their fixed addresses ([RFC 2131] 4.3). Each port has one, so there is nothing to allocate, to remember or to run out of; a message about another Ethernet address is dropped.
/// </summary>
public sealed class DhcpServer : IUdpHandler
{
    private const uint LeaseSeconds = 3600;

    private readonly UdpHost _udp;
    private readonly Dictionary<int, DhcpHost> _hosts = [];

    /// <summary>Makes it; it serves nobody yet.</summary>
    public DhcpServer(UdpHost udp)
    {
        _udp = udp;
        if (!udp.TryOpen(DhcpMessage.ServerPort, this))
        {
            throw new InvalidOperationException("the DHCP server's port is open already");
        }
    }

    /// <summary>Messages that were malformed, from ports that are not served, or about other adapters.</summary>
    public long Dropped { get; private set; }

    /// <summary>Serves a port; null serves it no longer.</summary>
    public void Serve(int port, DhcpHost? host)
    {
        if (host is null)
        {
            _hosts.Remove(port);
        }
        else
        {
            _hosts[port] = host;
        }
    }

    /// <inheritdoc/>
    public void Receive(in IpPacketInfo info, ushort sourcePort, ReadOnlySpan<byte> data)
    {
        if (!_hosts.TryGetValue(info.Port, out DhcpHost? host) || sourcePort != DhcpMessage.ClientPort || !DhcpMessage.TryRead(data, out DhcpMessage message) || message.IsReply
            || message.Hardware != host.Hardware || !message.RelayAddress.IsUnspecified)
        {
            Dropped++;
            return;
        }

        DhcpMessageType? answer = message.Type switch
        {
            DhcpMessageType.Discover => DhcpMessageType.Offer,
            DhcpMessageType.Request => Judge(message, host),
            DhcpMessageType.Inform => DhcpMessageType.Ack,
            _ => null, // given back or declined: it stays the qube's
        };
        if (answer is { } type)
        {
            Answer(info.Port, host, message, type);
        }
    }

    /// <inheritdoc/>
    public void ReceiveError(in IpErrorInfo error, ushort destinationPort)
    {
    }

    // [RFC 2131] 4.3.2: the server named tells apart who chooses from who confirms or renews.
    private static DhcpMessageType? Judge(DhcpMessage message, DhcpHost host)
    {
        IpAddress server = message.Options.Address(DhcpOption.ServerIdentifier);
        if (!server.IsUnspecified && server != host.Router)
        {
            return null; // chose another server
        }

        IpAddress asked = message.Options.Address(DhcpOption.RequestedAddress);
        return (asked.IsUnspecified ? message.ClientAddress : asked) == host.Address ? DhcpMessageType.Ack : DhcpMessageType.Nak;
    }

    private void Answer(int port, DhcpHost host, DhcpMessage message, DhcpMessageType type)
    {
        bool isInform = message.Type == DhcpMessageType.Inform;
        var answer = new DhcpMessage
        {
            IsReply = true,
            Transaction = message.Transaction,
            WantsBroadcast = message.WantsBroadcast,
            ClientAddress = type == DhcpMessageType.Ack ? message.ClientAddress : IpAddress.Any4,
            YourAddress = isInform || type == DhcpMessageType.Nak ? IpAddress.Any4 : host.Address,
            Hardware = message.Hardware,
            Type = type,
        };
        answer.Options.Set(DhcpOption.ServerIdentifier, host.Router.IPv4);
        answer.Options.Set(DhcpOption.ClientIdentifier, message.Options.Bytes(DhcpOption.ClientIdentifier)); // [RFC 6842] 3
        if (type != DhcpMessageType.Nak)
        {
            Configure(answer.Options, host, message.Options.Bytes(DhcpOption.ParameterList).Contains((byte)DhcpOption.ClasslessRoutes));
            if (!isInform)
            {
                answer.Options.Set(DhcpOption.LeaseTime, LeaseSeconds);
            }
        }

        bool isBroadcast = type == DhcpMessageType.Nak || (message.ClientAddress != host.Address && message.WantsBroadcast);
        Span<byte> buffer = stackalloc byte[DhcpMessage.MaximumWritten];
        int length = answer.Write(buffer);
        _udp.Send(port, host.Router, DhcpMessage.ServerPort, isBroadcast ? IpAddress.Broadcast4 : host.Address, DhcpMessage.ClientPort, buffer[..length]);
    }

    // A router outside the qube's network is reached by a route of its own; a client that does not ask for routes gets the smallest network that holds both, as the router answers ARP for all of it.
    private static void Configure(DhcpOptions options, DhcpHost host, bool takesRoutes)
    {
        bool isOutside = !new IpPrefix(host.Address, host.PrefixLength).Contains(host.Router);
        int length = isOutside && !takesRoutes ? Math.Min(BitOperations.LeadingZeroCount(host.Address.IPv4 ^ host.Router.IPv4), 30) : host.PrefixLength;
        options.Set(DhcpOption.SubnetMask, length == 0 ? 0 : uint.MaxValue << (32 - length));
        options.Set(DhcpOption.Router, [host.Router]);
        options.Set(DhcpOption.DnsServers, host.DnsServers);
        options.Set(DhcpOption.InterfaceMtu, (byte)(host.Mtu >> 8), (byte)host.Mtu);
        if (host.Name is { Length: > 0 and < 64 } name)
        {
            options.Set(DhcpOption.HostName, System.Text.Encoding.ASCII.GetBytes(name));
        }

        if (isOutside && takesRoutes)
        {
            Span<byte> routes = stackalloc byte[9 + 5];
            routes[0] = 32;
            host.Router.Write(routes[1..]); // on the link: router 0.0.0.0
            host.Router.Write(routes[10..]); // everything, 0.0.0.0/0, by the router
            options.Set(DhcpOption.ClasslessRoutes, routes);
        }
    }
}
