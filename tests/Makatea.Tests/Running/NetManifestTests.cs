using System.Text;
using Makatea.Domains.Net;
using Makatea.Platform;
using Makatea.Running;
using Makatea.Systems;

namespace Makatea.Tests.Running;

/// <summary>What net domains are told, of a system file.</summary>
public sealed class NetManifestTests : IDisposable
{
    private const string Chain = """
        domains:
          net: {kind: net, uplink: {interface: veth0, address: 192.168.7.2/24, gateway: 192.168.7.1, dns: [192.168.7.53]}}
          wall: {kind: net, uplink: {netvm: net}}
        qubes:
          web: {label: red, kernel: k, netvm: wall, net: {mtu: 9000, queues: 2, limits: {bps: 1M, burst: 7}}, firewall: [accept proto=tcp dstports=80, drop], publish: [{port: 8080, to: 80}, {port: 53, proto: udp}]}
          direct: {label: red, kernel: k, netvm: net, publish: [{port: 22}]}
        """;

    private readonly TemporaryDirectory _directory = new();
    private readonly GrantTable _grants = new();

    public NetManifestTests() => _directory.File("k");

    public void Dispose()
    {
        _grants.Dispose();
        _directory.Dispose();
    }

    private NetDomainOptions Build(string domain)
    {
        SystemDescription system = SystemFile.Parse(Encoding.UTF8.GetBytes(Chain), "demo.yaml", new PathExpansion(_directory.Path, _ => null));
        DomainDescription described = system.Domains.First(d => d.Name.Value == domain);
        return NetManifest.Build(system, described, _grants, NetManifest.Uplink(system, described), c => Path.Combine(_directory.Path, c));
    }

    [Fact]
    public void A_domain_knows_its_clients_and_its_uplink()
    {
        NetDomainOptions wall = Build("wall");
        Assert.Equal(("10.137.0.2", "fd09:24ef:4179::a89:2", "fe:ff:ff:ff:ff:ff"), (wall.Address4.ToString(), wall.Address6.ToString(), wall.Mac.ToString()));
        ClientOptions web = Assert.Single(wall.Clients);
        Assert.Equal(("web", "web socket", "10.137.0.17", "00:16:3e:5e:6c:11", 9000, 2), (web.Name, web.Listener, web.Address4?.ToString(), web.Mac.ToString(), web.Mtu, web.Queues));
        Assert.Equal((1L << 20, null, 7L), (web.Limits.BytesPerSecond, web.Limits.PacketsPerSecond, web.Limits.BurstMilliseconds));
        Assert.Equal(["action=accept proto=tcp dstports=80-80", "action=drop"], web.Rules);
        Assert.Equal([new PublishedService(false, 8080, 80), new PublishedService(true, 53, 53)], web.Published);
        Assert.Equal((UplinkKind.NetDomain, "00:16:3e:5e:6c:02", "10.137.0.2", 32, "10.137.0.1"), (wall.Uplink!.Kind, wall.Uplink.Mac.ToString(), wall.Uplink.Address4!.Value.Address.ToString(), wall.Uplink.Address4.Value.Length, wall.Uplink.Gateway4?.ToString()));
        Assert.Equal(["10.139.1.1", "10.139.1.2"], wall.Uplink.NameServers.Select(s => s.ToString()));
    }

    [Fact]
    public void A_chain_passes_published_ports_on()
    {
        NetDomainOptions net = Build("net");
        Assert.Equal(["wall", "direct"], net.Clients.Select(c => c.Name));
        Assert.Equal([new PublishedService(false, 8080, 8080), new PublishedService(true, 53, 53)], net.Clients[0].Published);
        Assert.Equal(("10.137.0.2", null, "00:16:3e:5e:6c:02"), (net.Clients[0].Address4?.ToString(), net.Clients[0].Rules, net.Clients[0].Mac.ToString()));
        Assert.Equal([new PublishedService(false, 22, 22)], net.Clients[1].Published);
        Assert.Equal((UplinkKind.Interface, "192.168.7.2", 24, "192.168.7.1"), (net.Uplink!.Kind, net.Uplink.Address4!.Value.Address.ToString(), net.Uplink.Address4.Value.Length, net.Uplink.Gateway4?.ToString()));
        Assert.Equal("192.168.7.53", Assert.Single(net.Uplink.NameServers).ToString());
    }

    [Fact]
    public void All_that_is_named_is_granted_and_the_component_reads_it()
    {
        NetDomainOptions built = Build("wall");
        var state = new NetDomainState(built);
        var manifest = new ComponentManifest { Name = "wall", Kind = "net", Grants = _grants.Grants, Devices = state.Devices };
        Assert.Equivalent(built, NetDomainOptions.Read(ComponentManifest.FromJson(manifest.ToJson())), strict: true);
        Assert.Equal([("web socket", GrantType.Channel), ("connections", GrantType.Region)], _grants.Grants.Select(g => (g.Name, g.Type)));
        Assert.Equal([4, 5], _grants.Open().Keys.Order());

        // What commands changed is in the manifest of the next component.
        state.Change(state.ClientOf("web") with { Rules = ["action=drop"], IsAttached = false });
        ClientOptions changed = NetDomainOptions.Read(manifest with { Devices = state.Devices }).Clients[0];
        Assert.Equal(["action=drop"], changed.Rules);
        Assert.False(changed.IsAttached);
        Assert.Equal(2, state.Original.Clients[0].Rules!.Count);
    }
}
