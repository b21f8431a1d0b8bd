using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>What the uplink's router advertises, as far as it holds now.</summary>
public sealed record AdvertisedUplink
{
    /// <summary>The router's link-local address.</summary>
    public required IpAddress Router { get; init; }

    /// <summary>The address that was made of the prefix and the adapter's address; <see cref="IpAddress.Any6"/> where no prefix is for that.</summary>
    public IpAddress Address { get; init; }

    /// <summary>Length of the prefix.</summary>
    public int PrefixLength { get; init; }

    /// <summary>MTU of the link; 0 where it is not said.</summary>
    public int Mtu { get; init; }

    /// <summary>DNS servers.</summary>
    public IReadOnlyList<IpAddress> DnsServers { get; init; } = [];

    /// <summary>Addresses are to be had by DHCPv6.</summary>
    public bool IsManaged { get; init; }
}

/// <summary>
/// Finds the uplink's IPv6 router and makes an address of its prefix ([RFC 4861] 6.3, [RFC 4862] 5.5). One router and one prefix are kept: the first that are advertised, for as long as they hold. Duplicates are
/// not looked for.
/// </summary>
public sealed class RouterSolicitor : IHostTimer
{
    private const int MaximumSolicitations = 3;
    private const long SolicitationInterval = 4000;
    private const int PrefixOptionLength = 32;
    private const int InterfaceBits = 64;
    private const byte Autonomous = 0x40;
    private const byte Managed = 0x80;
    private const uint Forever = uint.MaxValue;
    private const long TwoHours = 7_200_000;
    private const int LeastMtu = 1280;
    private const int MaximumServers = 3;

    private readonly IIpLayer _ip;
    private readonly int _port;
    private readonly MacAddress _hardware;
    private readonly Action<AdvertisedUplink?> _changed;
    private int _solicitations = MaximumSolicitations;
    private long _next = IHostTimer.Never;
    private long _routerUntil;
    private long _addressUntil;
    private long _serversUntil;

    /// <summary>Makes it; it asks nobody before <see cref="Start"/>.</summary>
    /// <param name="ip">What it sends with.</param>
    /// <param name="port">The uplink.</param>
    /// <param name="hardware">The uplink's Ethernet address.</param>
    /// <param name="changed">Gets what holds whenever that changes, and null when there is no router any more.</param>
    public RouterSolicitor(IIpLayer ip, int port, MacAddress hardware, Action<AdvertisedUplink?> changed)
    {
        (_ip, _port, _hardware, _changed) = (ip, port, hardware, changed);
    }

    /// <summary>What holds now.</summary>
    public AdvertisedUplink? Uplink { get; private set; }

    /// <summary>Asks who is there; again when the link comes back.</summary>
    public void Start() => (_solicitations, _next) = (0, _ip.Now);

    /// <inheritdoc/>
    public long Tick(long now)
    {
        if (now >= _next)
        {
            Solicit();
            _next = ++_solicitations < MaximumSolicitations ? now + SolicitationInterval : IHostTimer.Never;
        }

        if (Uplink is not { } uplink)
        {
            return _next;
        }

        if (now >= _routerUntil)
        {
            Change(null);
            return _next;
        }

        Change(uplink with
        {
            Address = now >= _addressUntil ? IpAddress.Any6 : uplink.Address,
            DnsServers = now >= _serversUntil ? [] : uplink.DnsServers,
        });
        return Math.Min(Math.Min(_next, _routerUntil), Math.Min(_addressUntil > now ? _addressUntil : IHostTimer.Never, _serversUntil > now ? _serversUntil : IHostTimer.Never));
    }

    /// <summary>Takes an advertisement that is well formed and comes from the link.</summary>
    internal void Advertised(in IpPacketInfo info, ReadOnlySpan<byte> message)
    {
        ushort lifetime = BinaryPrimitives.ReadUInt16BigEndian(message[6..]);
        if (info.Port != _port || (Uplink is { } known && known.Router != info.Source) || (Uplink is null && lifetime == 0))
        {
            return;
        }

        _next = IHostTimer.Never;
        long now = _ip.Now;
        _routerUntil = now + (lifetime * 1000L);
        AdvertisedUplink uplink = (Uplink ?? new() { Router = info.Source }) with { IsManaged = (message[5] & Managed) != 0 };
        var options = new RouterOptions(message[RouterDiscovery.AdvertisementLength..]);
        while (options.MoveNext())
        {
            uplink = options.Type switch
            {
                RouterOption.Prefix when options.Option.Length == PrefixOptionLength => TakePrefix(uplink, options.Option, now),
                RouterOption.Mtu when BinaryPrimitives.ReadUInt32BigEndian(options.Option[4..]) is >= LeastMtu and <= ushort.MaxValue =>
                    uplink with { Mtu = BinaryPrimitives.ReadInt32BigEndian(options.Option[4..]) },
                RouterOption.DnsServers => TakeServers(uplink, options.Option, now),
                _ => uplink,
            };
        }

        Change(lifetime == 0 ? null : uplink);
    }

    private static long Until(long now, uint seconds) => seconds == Forever ? IHostTimer.Never : now + (seconds * 1000L);

    private AdvertisedUplink TakePrefix(AdvertisedUplink uplink, ReadOnlySpan<byte> option, long now)
    {
        uint valid = BinaryPrimitives.ReadUInt32BigEndian(option[4..]);
        uint preferred = BinaryPrimitives.ReadUInt32BigEndian(option[8..]);
        var prefix = IpAddress.ReadIPv6(option[16..]);
        if ((option[3] & Autonomous) == 0 || option[2] != InterfaceBits || preferred > valid || prefix.IsLinkLocal || prefix.IsMulticast || prefix.Value >> InterfaceBits == 0)
        {
            return uplink;
        }

        IpAddress address = new((prefix.Value >> InterfaceBits << InterfaceBits) | (ulong)IpAddress.LinkLocal(_hardware).Value);
        if (!uplink.Address.IsUnspecified && uplink.Address != address)
        {
            return uplink;
        }

        // Nobody who forges advertisements shortens a lifetime below two hours ([RFC 4862] 5.5.3 e).
        long until = Until(now, valid);
        _addressUntil = uplink.Address.IsUnspecified || until - now > TwoHours || until > _addressUntil ? until : Math.Min(_addressUntil, now + TwoHours);
        return valid == 0 && uplink.Address.IsUnspecified ? uplink : uplink with { Address = address, PrefixLength = InterfaceBits };
    }

    private AdvertisedUplink TakeServers(AdvertisedUplink uplink, ReadOnlySpan<byte> option, long now)
    {
        var servers = new List<IpAddress>();
        for (ReadOnlySpan<byte> rest = option[8..]; rest.Length >= IpAddress.Length6 && servers.Count < MaximumServers; rest = rest[IpAddress.Length6..])
        {
            if (IpAddress.ReadIPv6(rest) is { IsMulticast: false, IsUnspecified: false, IsIPv4: false } server)
            {
                servers.Add(server);
            }
        }

        _serversUntil = Until(now, BinaryPrimitives.ReadUInt32BigEndian(option[4..]));
        return uplink with { DnsServers = _serversUntil <= now ? [] : servers };
    }

    private void Change(AdvertisedUplink? uplink)
    {
        AdvertisedUplink? old = Uplink;
        if (uplink is not null && old is not null && IpAddress.AreEqual(uplink.DnsServers, old.DnsServers))
        {
            uplink = uplink with { DnsServers = old.DnsServers };
        }

        if (uplink != old)
        {
            Uplink = uplink;
            _changed(uplink);
        }
    }

    private void Solicit()
    {
        Span<byte> message = stackalloc byte[RouterDiscovery.SolicitationLength + 8];
        message.Clear();
        message[0] = RouterDiscovery.Solicitation;
        (message[8], message[9]) = ((byte)RouterOption.SourceLinkAddress, 1);
        _hardware.Write(message[10..]);
        RouterDiscovery.Send(_ip, _port, IpAddress.LinkLocal(_hardware), RouterDiscovery.AllRouters, message);
    }
}
