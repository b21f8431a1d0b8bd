using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

/// <summary>The domain's clients against dnsmasq, and a Linux qube against its servers.</summary>
[Trait("Category", "Long")]
public sealed class NamePeerTests : IDisposable
{
    private readonly PeerBed _bed = new();
    private readonly DnsResolver _resolver;
    private DhcpLease? _lease;
    private AdvertisedUplink? _advertised;

    public NamePeerTests()
    {
        NetBed.Require("dnsmasq", "dnsmasq-base");
        NetBed.Require("busybox", "busybox-static");
        var streams = new DnsStreamClient(_bed.Tcp);
        _resolver = new(_bed.Router, _bed.Udp, new(3), streams);
        _bed.Do(() =>
        {
            _bed.Local.AddTimer(streams);
            _bed.Local.AddTimer(_resolver);
        });
    }

    public void Dispose() => _bed.Dispose();

    [SkippableFact]
    public void AddressesAndNamesComeFromDnsmasq()
    {
        StartServer();
        _bed.Capture(_bed.Mid, "up0");
        StartUplink();
        _bed.Await(() => _lease is not null && _advertised is { Address.IsUnspecified: false }, "addresses");
        Assert.InRange(_lease!.Address.IPv4 & 0xff, 50u, 60u);
        Assert.Equal(("10.99.0.1", 24, 1400), (_lease.Server.ToString(), _lease.PrefixLength, _lease.Mtu));
        Assert.Equal((IpPrefix.All4, PeerBed.Ip("10.99.0.1")), _lease.Routes.Single());
        Assert.StartsWith("fd99::", _advertised!.Address.ToString());

        Assert.Equal("192.0.2.1", Ask("www.test", DnsType.A).Addresses().Single().ToString());
        Assert.Equal("2001:db8::1", Ask("www.test", DnsType.Aaaa).Addresses().Single().ToString());
        DnsAnswer alias = Ask("alias.test", DnsType.A);
        Assert.Equal((2, "192.0.2.1"), (alias.Answers.Count, alias.Addresses().Single().ToString()));
        Assert.Equal(DnsResponseCode.NoSuchName, Ask("none.test", DnsType.A).ResponseCode);
        Assert.Equal(200, Ask("large.test", DnsType.A).Addresses().Distinct().Count()); // over TCP
        Assert.True(_bed.CheckCapture("up0", _bed.Uplink.Info.Address) > 10);
    }

    [SkippableFact]
    public void ALeaseIsRenewedAndGivenBack()
    {
        StartServer();
        DhcpClient client = StartUplink();
        _bed.Await(() => _lease is not null, "a lease");
        IpAddress address = _lease!.Address;
        _bed.Do(() =>
        {
            _lease = null;
            client.Confirm();
        });
        _bed.Await(() => _lease is not null, "the same lease");
        Assert.Equal(address, _lease!.Address);
        string leases = Path.Combine(_bed.Folder, "leases");
        Assert.Contains(address.ToString(), File.ReadAllText(leases));
        Ask("www.test", DnsType.A); // so that the server's Ethernet address is known: without it a last message is lost
        _bed.Do(client.Stop);
        Assert.True(SpinWait.SpinUntil(() => !File.ReadAllText(leases).Contains(address.ToString()), TimeSpan.FromSeconds(20)), "the lease was not given back");
    }

    [SkippableFact]
    public void AQubeGetsItsAddressesAndNames()
    {
        StartServer();
        StartUplink();
        _bed.Do(() =>
        {
            var dhcp = new DhcpServer(_bed.Udp);
            dhcp.Serve(_bed.QubeSide.Index, new()
            {
                Hardware = PeerBed.QubeMac,
                Address = PeerBed.Ip("10.137.0.5"),
                Router = PeerBed.Ip("10.137.0.1"),
                DnsServers = [PeerBed.Ip("10.139.1.1"), PeerBed.Ip("10.139.1.2")],
                Name = "work",
            });
            var forwarder = new DnsForwarder(_resolver);
            forwarder.Serve(_bed.QubeSide.Index, true);
            _bed.Local.AddTimer(new DnsStreamServer(forwarder, _bed.Tcp));
            var advertiser = new RouterAdvertiser(_bed.Router, new(4));
            _bed.Discovery.Advertiser = advertiser;
            _bed.Local.AddTimer(advertiser);
            advertiser.Serve(_bed.QubeSide.Index, new(IpAddress.LinkLocal(new(0xfeff_ffff_ffff)), new(0xfeff_ffff_ffff), 1500, [PeerBed.Ip("fd53::53")]));
        });
        _bed.Await(() => _lease is not null, "an uplink");
        _bed.Qube.Exec("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=1");
        _bed.Qube.Up("eth0");
        _bed.Capture(_bed.Qube, "eth0");
        string script = Path.Combine(_bed.Folder, "script");
        File.WriteAllText(script, """
            #!/bin/sh
            [ "$1" = bound ] || exit 0
            ip addr add "$ip/$mask" dev "$interface"
            set -- $staticroutes
            while [ -n "$1" ]; do
              if [ "$2" = 0.0.0.0 ]; then ip route add "$1" dev "$interface"; else ip route add "$1" via "$2" dev "$interface"; fi
              shift 2
            done
            """);
        _bed.Qube.Exec("chmod", "+x", script);
        _bed.Qube.Exec("busybox", "udhcpc", "-f", "-n", "-q", "-t", "5", "-T", "1", "-O", "staticroutes", "-O", "hostname", "-s", script, "-i", "eth0");
        Assert.Contains("10.137.0.5/32", _bed.Qube.Exec("ip", "addr", "show", "dev", "eth0"));
        Assert.Contains("default via 10.137.0.1", _bed.Qube.Exec("ip", "route"));
        _bed.Qube.Exec("busybox", "ping", "-c", "1", "-W", "5", "10.137.0.1");
        Assert.Contains("192.0.2.1", _bed.Qube.Exec("busybox", "nslookup", "-type=a", "www.test", "10.139.1.1"));
        Assert.Contains("192.0.2.1", _bed.Qube.Exec("busybox", "nslookup", "-type=a", "alias.test", "10.139.1.2"));
        _bed.Await(() => _bed.Qube.Exec("ip", "-6", "route").Contains("default via fe80::fcff:ffff:feff:ffff"), "the router that was advertised");
        Assert.True(_bed.CheckCapture("eth0", new(0xfeff_ffff_ffff)) > 5);
    }

    /// <summary>ISC's client, which has DHCPv6: the M flag sends a host there.</summary>
    [SkippableFact]
    public void AQubeGetsItsFixedIPv6Address()
    {
        NetBed.Require("dhclient", "isc-dhcp-client");
        _bed.Do(() => new Dhcp6Server(_bed.Udp).Serve(
            _bed.QubeSide.Index, new(PeerBed.Ip("fd09::5"), IpAddress.LinkLocal(new(0xfeff_ffff_ffff)), new(0xfeff_ffff_ffff), [PeerBed.Ip("fd53::53")])));
        _bed.Qube.Exec("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0");
        _bed.Qube.Up("eth0");
        _bed.Capture(_bed.Qube, "eth0");
        string script = Path.Combine(_bed.Folder, "script");
        string said = Path.Combine(_bed.Folder, "said");
        File.WriteAllText(script, $"""
            #!/bin/sh
            [ "$reason" = BOUND6 ] && ip addr add "$new_ip6_address/128" dev "$interface" && echo "$new_dhcp6_name_servers" > {said}
            exit 0
            """);
        _bed.Qube.Exec("chmod", "+x", script);
        _bed.Qube.Exec("dhclient", "-6", "-1", "-sf", script, "-lf", $"{_bed.Folder}/lease6", "-pf", $"{_bed.Folder}/pid6", "-cf", "/dev/null", "eth0");
        try
        {
            Assert.Contains("fd09::5/128", _bed.Qube.Exec("ip", "-6", "addr", "show", "dev", "eth0"));
            Assert.Equal("fd53::53", File.ReadAllText(said).Trim());
            Assert.True(_bed.CheckCapture("eth0", new(0xfeff_ffff_ffff)) >= 2);
        }
        finally
        {
            _bed.Qube.Exec("kill", File.ReadAllText($"{_bed.Folder}/pid6").Trim());
        }
    }

    private void StartServer()
    {
        File.WriteAllLines(Path.Combine(_bed.Folder, "hosts"), Enumerable.Range(1, 200).Select(i => $"10.1.0.{i} large.test"));
        _bed.Start(
            _bed.Mid, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--interface=up0", "--bind-interfaces", "--no-resolv", "--no-hosts", "--no-ping",
            $"--addn-hosts={_bed.Folder}/hosts", $"--dhcp-leasefile={_bed.Folder}/leases", $"--pid-file={_bed.Folder}/pid", "--dhcp-authoritative",
            "--dhcp-range=10.99.0.50,10.99.0.60,255.255.255.0,10m", "--dhcp-option=option:mtu,1400", "--enable-ra", "--dhcp-range=fd99::,ra-only,64,10m", "--local=/test/",
            "--host-record=www.test,192.0.2.1,2001:db8::1", "--cname=alias.test,www.test");
    }

    private DhcpClient StartUplink() => _bed.Do(() =>
    {
        var client = new DhcpClient(_bed.Router, _bed.Udp, new(5), _bed.Uplink.Index, _bed.Uplink.Info.Address, lease =>
        {
            _lease = lease;
            Configure();
        });
        var solicitor = new RouterSolicitor(_bed.Router, _bed.Uplink.Index, _bed.Uplink.Info.Address, advertised =>
        {
            _advertised = advertised;
            Configure();
        });
        _bed.Discovery.Solicitor = solicitor;
        _bed.Local.AddTimer(client);
        _bed.Local.AddTimer(solicitor);
        client.Start();
        solicitor.Start();
        return client;
    });

    private void Configure()
    {
        _bed.Router.SetUplink(new()
        {
            IPv4 = _lease?.Address,
            Network4 = _lease is { } lease ? new IpPrefix(lease.Address, lease.PrefixLength) : null,
            Gateway4 = _lease?.Routes[0].Router,
            IPv6 = _advertised?.Address is { IsUnspecified: false } address ? address : null,
            Network6 = _advertised is { } prefix ? new IpPrefix(prefix.Address, 64) : null,
            Gateway6 = _advertised?.Router,
        });
        _resolver.Servers = _lease?.DnsServers ?? [];
    }

    private DnsAnswer Ask(string name, ushort type)
    {
        DnsAnswer? answer = null;
        _bed.Do(() => _resolver.Resolve(DnsResolver.Self, new(DnsMessageTests.Parse(name), type), false, a => answer = a));
        _bed.Await(() => answer is not null, $"an answer for {name}");
        return answer!;
    }
}
