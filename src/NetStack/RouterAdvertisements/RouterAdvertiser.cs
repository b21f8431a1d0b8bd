using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>What a qube is told by router advertisements.</summary>
/// <param name="Router">The domain's link-local address towards the qube.</param>
/// <param name="Hardware">The domain's Ethernet address towards the qube.</param>
/// <param name="Mtu">MTU of the port.</param>
/// <param name="DnsServers">DNS servers ([RFC 8106]).</param>
public sealed record AdvertisedRouter(IpAddress Router, MacAddress Hardware, int Mtu, IReadOnlyList<IpAddress> DnsServers);

/// <summary>
/// Advertises the domain as the qubes' IPv6 router ([RFC 4861] 6.2). It names no prefix: a qube has one address, which it cannot make itself, so the M flag sends it to DHCPv6, and nothing but the router is
/// on its link.
/// </summary>
public sealed class RouterAdvertiser : IHostTimer
{
    private const long Interval = 200_000;
    private const int IntervalSpread = 400_000; // up to 600 s, the default of [RFC 4861] 6.2.1
    private const long LeastDelay = 500; // between answers to one port
    private const ushort Lifetime = 1800;
    private const uint DnsLifetime = 1800; // [RFC 8106] 5.1: three times the interval
    private const byte Managed = 0x80;
    private const byte CurrentHopLimit = 64;

    private readonly IIpLayer _ip;
    private readonly NetRandom _random;
    private readonly Dictionary<int, Served> _ports = [];

    /// <summary>Makes it; it serves nobody yet.</summary>
    public RouterAdvertiser(IIpLayer ip, NetRandom random)
    {
        (_ip, _random) = (ip, random);
    }

    /// <summary>Serves a port, and advertises at once; null serves it no longer, and says so.</summary>
    public void Serve(int port, AdvertisedRouter? router)
    {
        if (_ports.Remove(port, out Served? old) && router is null)
        {
            Send(port, old.Router, RouterDiscovery.AllNodes, 0);
        }

        if (router is not null)
        {
            _ports[port] = new(router) { Next = _ip.Now };
        }
    }

    /// <inheritdoc/>
    public long Tick(long now)
    {
        long next = IHostTimer.Never;
        foreach ((int port, Served served) in _ports)
        {
            if (now >= served.Next)
            {
                Send(port, served.Router, RouterDiscovery.AllNodes, Lifetime);
                (served.Next, served.Earliest) = (now + Interval + _random.Next(IntervalSpread), now + LeastDelay);
            }

            next = Math.Min(next, served.Next);
        }

        return next;
    }

    /// <summary>Answers a solicitation: at once, or by the next timer where it comes too soon after the last answer.</summary>
    internal void Solicited(in IpPacketInfo info)
    {
        if (_ports.TryGetValue(info.Port, out Served? served))
        {
            served.Next = Math.Min(served.Next, Math.Max(_ip.Now, served.Earliest));
        }
    }

    private void Send(int port, AdvertisedRouter router, IpAddress destination, ushort lifetime)
    {
        int servers = Math.Min(router.DnsServers.Count, 8);
        Span<byte> message = stackalloc byte[RouterDiscovery.AdvertisementLength + 8 + 8 + 8 + (servers * IpAddress.Length6)];
        message.Clear();
        message[0] = RouterDiscovery.Advertisement;
        (message[4], message[5]) = (CurrentHopLimit, Managed);
        BinaryPrimitives.WriteUInt16BigEndian(message[6..], lifetime);

        Span<byte> options = message[RouterDiscovery.AdvertisementLength..];
        (options[0], options[1]) = ((byte)RouterOption.SourceLinkAddress, 1);
        router.Hardware.Write(options[2..]);
        (options[8], options[9]) = ((byte)RouterOption.Mtu, 1);
        BinaryPrimitives.WriteInt32BigEndian(options[12..], router.Mtu);
        int length = message.Length - 8;
        if (servers > 0)
        {
            (options[16], options[17]) = ((byte)RouterOption.DnsServers, (byte)(1 + (2 * servers)));
            BinaryPrimitives.WriteUInt32BigEndian(options[20..], lifetime == 0 ? 0 : DnsLifetime);
            for (int i = 0; i < servers; i++)
            {
                router.DnsServers[i].Write(options[(24 + (i * IpAddress.Length6))..]);
            }

            length = message.Length;
        }

        RouterDiscovery.Send(_ip, port, router.Router, destination, message[..length]);
    }

    private sealed class Served(AdvertisedRouter router)
    {
        internal AdvertisedRouter Router => router;

        internal long Next { get; set; }

        internal long Earliest { get; set; }
    }
}
