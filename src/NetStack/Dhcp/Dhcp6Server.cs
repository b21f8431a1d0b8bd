using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>What a qube is told by DHCPv6.</summary>
/// <param name="Address">Its one address.</param>
/// <param name="Router">The domain's link-local address towards the qube, which answers come from.</param>
/// <param name="Hardware">The domain's Ethernet address towards the qube, which names the server.</param>
/// <param name="DnsServers">DNS servers.</param>
public sealed record Dhcp6Host(IpAddress Address, IpAddress Router, MacAddress Hardware, IReadOnlyList<IpAddress> DnsServers);

/// <summary>
/// Tells qubes their fixed IPv6 addresses, which no router advertisement can: a server of [RFC 8415] for one non-temporary address per port. It keeps no state. A qube has to be told by the advertisement's
/// M flag to ask.
/// </summary>
public sealed class Dhcp6Server : IUdpHandler
{
    internal const ushort ServerPort = 547;
    internal const ushort ClientPort = 546;

    private const int HeaderLength = 4;
    private const int LeastIdentifier = 3;
    private const int MaximumIdentifier = 130; // [RFC 8415] 11.1
    private const int ServerIdentifierLength = 4 + MacAddress.Length;
    private const int AddressLength = 24;
    private const int MaximumAssociations = 4;
    private const uint Preferred = 3600;
    private const uint Valid = 7200;

    private readonly UdpHost _udp;
    private readonly Dictionary<int, Dhcp6Host> _hosts = [];

    /// <summary>Makes it; it serves nobody yet.</summary>
    public Dhcp6Server(UdpHost udp)
    {
        _udp = udp;
        if (!udp.TryOpen(ServerPort, this))
        {
            throw new InvalidOperationException("the DHCPv6 server's port is open already");
        }
    }

    /// <summary>All DHCP servers on the link: where qubes ask. The router delivers what is sent to it.</summary>
    public static IpAddress Group { get; } = new(((UInt128)0xff02 << 112) | 0x10002);

    /// <summary>Messages that were malformed, from ports that are not served, or for other servers.</summary>
    public long Dropped { get; private set; }

    /// <summary>Serves a port; null serves it no longer.</summary>
    public void Serve(int port, Dhcp6Host? host)
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
        Span<byte> answer = stackalloc byte[UdpHost.MaximumData];
        int length = _hosts.TryGetValue(info.Port, out Dhcp6Host? host) && info.Source.IsLinkLocal && !info.Source.IsIPv4 && sourcePort == ClientPort ? Answer(host, data, answer) : 0;
        if (length == 0)
        {
            Dropped++;
            return;
        }

        _udp.Send(info.Port, host!.Router, ServerPort, info.Source, ClientPort, answer[..length]);
    }

    /// <inheritdoc/>
    public void ReceiveError(in IpErrorInfo error, ushort destinationPort)
    {
    }

    private static int Answer(Dhcp6Host host, ReadOnlySpan<byte> message, Span<byte> answer)
    {
        if (message.Length < HeaderLength || !IsIntact(message[HeaderLength..]))
        {
            return 0;
        }

        var type = (Dhcp6MessageType)message[0];
        ReadOnlySpan<byte> options = message[HeaderLength..];
        Span<byte> server = stackalloc byte[ServerIdentifierLength];
        (server[1], server[3]) = (3, 1); // DUID-LL of Ethernet ([RFC 8415] 11.4)
        host.Hardware.Write(server[4..]);
        bool hasClient = Dhcp6Options.TryFind(options, Dhcp6Option.ClientIdentifier, out ReadOnlySpan<byte> client) && client.Length is >= LeastIdentifier and <= MaximumIdentifier;
        bool namesServer = Dhcp6Options.TryFind(options, Dhcp6Option.ServerIdentifier, out ReadOnlySpan<byte> named);
        bool isValid = type switch
        {
            Dhcp6MessageType.Solicit or Dhcp6MessageType.Confirm or Dhcp6MessageType.Rebind => hasClient && !namesServer,
            Dhcp6MessageType.Request or Dhcp6MessageType.Renew or Dhcp6MessageType.Release or Dhcp6MessageType.Decline => hasClient && named.SequenceEqual(server),
            Dhcp6MessageType.InformationRequest => !namesServer || named.SequenceEqual(server),
            _ => false,
        };
        if (!isValid)
        {
            return 0;
        }

        bool isRapid = type == Dhcp6MessageType.Solicit && Dhcp6Options.TryFind(options, Dhcp6Option.RapidCommit, out _);
        var writer = new Dhcp6Writer(answer);
        writer.Write([(byte)(type == Dhcp6MessageType.Solicit && !isRapid ? Dhcp6MessageType.Advertise : Dhcp6MessageType.Reply)]);
        writer.Write(message[1..HeaderLength]); // transaction
        writer.Option(Dhcp6Option.ServerIdentifier, server);
        if (hasClient)
        {
            writer.Option(Dhcp6Option.ClientIdentifier, client);
        }

        if (isRapid)
        {
            writer.Option(Dhcp6Option.RapidCommit, []);
        }

        WriteAssociations(host, type, options, ref writer);
        writer.Begin(Dhcp6Option.DnsServers, IpAddress.Length6 * host.DnsServers.Count);
        foreach (IpAddress address in host.DnsServers)
        {
            writer.WriteAddress(address);
        }

        return writer.Length;
    }

    private static bool IsIntact(ReadOnlySpan<byte> options)
    {
        var reader = new Dhcp6Options(options);
        while (reader.MoveNext())
        {
            if (reader.Type == Dhcp6Option.NonTemporary && reader.Data.Length < 12)
            {
                return false;
            }
        }

        return reader.IsIntact;
    }

    // Every association that is asked for gets the one address; prefixes are not to be had ([RFC 8415] 18.3.9).
    private static void WriteAssociations(Dhcp6Host host, Dhcp6MessageType type, ReadOnlySpan<byte> options, ref Dhcp6Writer writer)
    {
        if (type == Dhcp6MessageType.InformationRequest)
        {
            return;
        }

        if (type is Dhcp6MessageType.Release or Dhcp6MessageType.Decline or Dhcp6MessageType.Confirm)
        {
            writer.Begin(Dhcp6Option.StatusCode, 2);
            writer.Write16((int)(type != Dhcp6MessageType.Confirm || Confirms(host, options) ? Dhcp6Status.Success : Dhcp6Status.NotOnLink));
            return;
        }

        var reader = new Dhcp6Options(options);
        for (int count = 0; count < MaximumAssociations && reader.MoveNext();)
        {
            if (reader.Type == Dhcp6Option.NonTemporary)
            {
                count++;
                writer.Begin(Dhcp6Option.NonTemporary, 12 + 4 + AddressLength);
                writer.Write(reader.Data[..4]);
                writer.Write32(Preferred / 2);
                writer.Write32(Preferred * 4 / 5);
                writer.Begin(Dhcp6Option.Address, AddressLength);
                writer.WriteAddress(host.Address);
                writer.Write32(Preferred);
                writer.Write32(Valid);
            }
            else if (reader.Type == Dhcp6Option.PrefixDelegation && reader.Data.Length >= 12)
            {
                count++;
                writer.Begin(Dhcp6Option.PrefixDelegation, 12 + 6);
                writer.Write(reader.Data[..4]);
                writer.Write32(0);
                writer.Write32(0);
                writer.Begin(Dhcp6Option.StatusCode, 2);
                writer.Write16((int)Dhcp6Status.NoPrefix);
            }
        }
    }

    private static bool Confirms(Dhcp6Host host, ReadOnlySpan<byte> options)
    {
        var associations = new Dhcp6Options(options);
        while (associations.MoveNext())
        {
            if (associations.Type != Dhcp6Option.NonTemporary)
            {
                continue;
            }

            var addresses = new Dhcp6Options(associations.Data[12..]);
            while (addresses.MoveNext())
            {
                if (addresses.Type == Dhcp6Option.Address && (addresses.Data.Length < AddressLength || IpAddress.ReadIPv6(addresses.Data) != host.Address))
                {
                    return false;
                }
            }
        }

        return true;
    }
}
