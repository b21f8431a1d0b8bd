using Makatea.NetStack;

namespace Makatea.Domains.Net;

/// <summary>What a net domain does for its clients besides forwarding: tells them their addresses, by DHCP, DHCPv6 and router advertisements, and answers their questions for names. On the forwarding thread.</summary>
internal sealed class ClientServices
{
    private readonly NetDomainOptions _domain;
    private readonly DhcpServer _dhcp;
    private readonly Dhcp6Server _dhcp6;
    private readonly RouterAdvertiser _advertiser;
    private readonly DnsForwarder _names;

    /// <summary>Makes them; they serve nobody yet.</summary>
    /// <param name="domain">The domain's own addresses.</param>
    /// <param name="ip">What they send with.</param>
    /// <param name="udp">Where they open ports.</param>
    /// <param name="tcp">Takes questions that do not fit UDP.</param>
    /// <param name="local">Where their timers run.</param>
    /// <param name="discovery">Where router solicitations arrive.</param>
    /// <param name="resolver">What knows names.</param>
    /// <param name="random">Chooses jitter.</param>
    public ClientServices(NetDomainOptions domain, IIpLayer ip, UdpHost udp, TcpHost tcp, LocalDispatcher local, RouterDiscovery discovery, DnsResolver resolver, NetRandom random)
    {
        _domain = domain;
        _dhcp = new DhcpServer(udp);
        _dhcp6 = new Dhcp6Server(udp);
        _advertiser = new RouterAdvertiser(ip, random);
        _names = new DnsForwarder(resolver);
        discovery.Advertiser = _advertiser;
        local.AddTimer(_advertiser);
        local.AddTimer(new DnsStreamServer(_names, tcp));
    }

    /// <summary>Serves a client.</summary>
    /// <param name="port">Number of its port.</param>
    /// <param name="client">The client.</param>
    public void Serve(int port, ClientOptions client)
    {
        var router6 = IpAddress.LinkLocal(_domain.Mac);
        var servers4 = new List<IpAddress>();
        var servers6 = new List<IpAddress>();
        foreach (IpAddress server in _domain.NameServers)
        {
            (server.IsIPv4 ? servers4 : servers6).Add(server);
        }

        if (!servers6.Contains(_domain.Address6))
        {
            servers6.Add(_domain.Address6);
        }

        if (client.Address4 is { } address4)
        {
            _dhcp.Serve(port, new DhcpHost
            {
                Hardware = client.Mac,
                Address = address4,
                Router = _domain.Address4,
                DnsServers = servers4,
                Mtu = client.Mtu,
            });
        }

        if (client.Address6 is { } address6)
        {
            _dhcp6.Serve(port, new Dhcp6Host(address6, router6, _domain.Mac, servers6));
            _advertiser.Serve(port, new AdvertisedRouter(router6, _domain.Mac, client.Mtu, servers6));
        }

        _names.Serve(port, isServed: true);
    }

    /// <summary>Serves a port no longer.</summary>
    public void Stop(int port)
    {
        _dhcp.Serve(port, null);
        _dhcp6.Serve(port, null);
        _advertiser.Serve(port, null);
        _names.Serve(port, isServed: false);
    }
}
