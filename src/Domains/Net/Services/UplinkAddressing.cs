using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Domains.Net;

/// <summary>Finds out what addresses and routers an uplink has: as the options say, and from DHCP and router advertisements where they say nothing. On the forwarding thread.</summary>
internal sealed class UplinkAddressing
{
    private readonly UplinkOptions _options;
    private readonly Action<UplinkConfiguration> _changed;
    private readonly DhcpClient? _dhcp;
    private readonly RouterSolicitor? _solicitor;
    private DhcpLease? _lease;
    private AdvertisedUplink? _advertised;

    /// <summary>Makes it; it does nothing before <see cref="Start"/>.</summary>
    /// <param name="options">What is known beforehand.</param>
    /// <param name="ip">What it sends with.</param>
    /// <param name="udp">Where the DHCP client opens its port.</param>
    /// <param name="local">Where timers run.</param>
    /// <param name="discovery">Where router advertisements arrive.</param>
    /// <param name="random">Chooses transactions and jitter.</param>
    /// <param name="port">Number of the uplink's port.</param>
    /// <param name="hardware">Its Ethernet address.</param>
    /// <param name="changed">Told what holds, whenever that changes.</param>
    public UplinkAddressing(
        UplinkOptions options, IIpLayer ip, UdpHost udp, LocalDispatcher local, RouterDiscovery discovery, NetRandom random, int port, MacAddress hardware, Action<UplinkConfiguration> changed)
    {
        _options = options;
        _changed = changed;
        if (options.Address4 is null)
        {
            _dhcp = new DhcpClient(ip, udp, random, port, hardware, Take);
            local.AddTimer(_dhcp);
        }

        if (options.Address6 is null)
        {
            _solicitor = new RouterSolicitor(ip, port, hardware, Take);
            discovery.Solicitor = _solicitor;
            local.AddTimer(_solicitor);
        }
    }

    /// <summary>What holds now.</summary>
    public UplinkConfiguration Current { get; private set; } = new();

    /// <summary>Begins.</summary>
    public void Start()
    {
        Tell();
        _dhcp?.Start();
        _solicitor?.Start();
    }

    /// <summary>The link came back: the network may be another one.</summary>
    public void LinkUp()
    {
        _dhcp?.Confirm();
        _solicitor?.Start();
    }

    /// <summary>Gives a lease back.</summary>
    public void Stop() => _dhcp?.Stop();

    private void Take(DhcpLease? lease)
    {
        _lease = lease;
        Tell();
    }

    private void Take(AdvertisedUplink? advertised)
    {
        _advertised = advertised;
        Tell();
    }

    private void Tell()
    {
        int mtu = Math.Min(_lease?.Mtu ?? 0, _advertised?.Mtu ?? 0);
        Current = new UplinkConfiguration
        {
            Address4 = _options.Address4 ?? (_lease is { } l ? (l.Address, l.PrefixLength) : null),
            Routes4 = _options.Address4 is null ? _lease?.Routes ?? [] : _options.Gateway4 is { } gateway ? [(IpPrefix.All4, gateway)] : [],
            Address6 = _options.Address6 ?? (_advertised is { } a && a.Address != IpAddress.Any6 ? (a.Address, a.PrefixLength) : null),
            Router6 = _options.Gateway6 ?? _advertised?.Router,
            NameServers = NameServers(),
            Mtu = mtu != 0 ? mtu : Math.Max(_lease?.Mtu ?? 0, _advertised?.Mtu ?? 0),
        };
        _changed(Current);
    }

    private IReadOnlyList<IpAddress> NameServers()
    {
        if (_options.NameServers.Count != 0)
        {
            return _options.NameServers;
        }

        var servers = new List<IpAddress>();
        servers.AddRange(_lease?.DnsServers ?? []);
        servers.AddRange(_advertised?.DnsServers ?? []);
        return servers;
    }
}
