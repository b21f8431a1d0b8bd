using System.Text;
using Makatea.Systems;

namespace Makatea.Tests.Systems;

public sealed class NetFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public NetFileTests() => _directory.File("k");

    public void Dispose() => _directory.Dispose();

    private SystemDescription Parse(string yaml) => SystemFile.Parse(Encoding.UTF8.GetBytes(yaml), "demo.yaml", new PathExpansion(_directory.Path, _ => null));

    private string[] Errors(string yaml) => Assert.Throws<SystemFileException>(() => Parse(yaml)).Message.Split('\n');

    [Fact]
    public void Reads_all_that_a_system_can_say_of_its_network()
    {
        SystemDescription system = Parse("""
            domains:
              net: {kind: net, uplink: {interface: veth0, address: 192.168.7.2/24, gateway: 192.168.7.1, address6: fd00:7::2/64, gateway6: fe80::1, dns: [192.168.7.1, fd00:7::1]}}
              wall: {kind: net, memory: 64M, uplink: {netvm: net}}
              card: {kind: net, uplink: {e1000: emulated, wire: tap:mk0}}
            qubes:
              web:
                label: red
                kernel: k
                netvm: wall
                net: {ip: 10.137.0.40, ip6: fd00::40, mac: 52:54:00:00:00:40, mtu: 9000, queues: 2, limits: {bps: 12M, pps: 1000, burst: 50}}
                firewall:
                  - accept dsthost=example.com proto=tcp dstports=443
                  - action=accept specialtarget=dns
                  - drop comment=the rest
                publish:
                  - {port: 8080, to: 80}
                  - {port: 8080, proto: udp}
              off: {label: black, kernel: k}
            """);
        UplinkDescription uplink = system.Domains[0].Uplink!.Value.Value;
        Assert.Equal(("veth0", "192.168.7.2/24", "192.168.7.1", "fd00:7::2/64", "fe80::1"), (uplink.Interface?.Value, uplink.Address?.Value, uplink.Gateway?.Value, uplink.Address6?.Value, uplink.Gateway6?.Value));
        Assert.Equal(["192.168.7.1", "fd00:7::1"], uplink.Dns.Select(d => d.Value));
        Assert.Equal("net", system.Domains[1].Uplink?.Value.NetVm?.Value);
        Assert.Equal((true, "tap:mk0"), (system.Domains[2].Uplink!.Value.Value.IsEmulated, system.Domains[2].Uplink!.Value.Value.Wire?.Value));
        QubeDescription web = system.Qubes[0];
        Assert.Equal(("wall", 9000, 2), (web.NetVm?.Value, web.Port!.Mtu, web.Port.Queues));
        Assert.Equal((12ul << 20, 1000L, 50L), (web.Port.Limits!.BytesPerSecond, web.Port.Limits.PacketsPerSecond, web.Port.Limits.BurstMilliseconds));
        Assert.Equal(("10.137.0.40", "fd00::40", "52:54:00:00:00:40"), Text(web.Addresses));
        Assert.Equal([(8080L, 80L, false), (8080L, null, true)], web.Publish.Select(p => (p.Port.Value, p.To, p.IsUdp)));
        Assert.Equal(["wall", "net"], NetChecks.Chain(system, web.NetVm).Select(d => d.Name.Value));
        Assert.Equal(3, web.Firewall!.Count);
        Assert.Equal((null, null), (system.Qubes[1].Addresses, system.Qubes[1].Firewall));
    }

    [Fact]
    public void Addresses_are_given_in_the_order_of_the_file_and_past_those_of_others()
    {
        SystemDescription system = Parse("""
            domains: {a: {kind: net, uplink: {tap: t}}, disks: , b: {kind: net, uplink: {netvm: a}}}
            qubes:
              none: {label: red, kernel: k}
              first: {label: red, kernel: k, netvm: b}
              second: {label: red, kernel: k, netvm: b, net: {ip: 10.137.0.18}}
              third: {label: red, kernel: k, netvm: a}
              fourth: {label: red, kernel: k, netvm: a, net: {mac: 00:16:3e:5e:6c:15}}
              fifth: {label: red, kernel: k, netvm: a}
            """);
        Assert.Equal(("10.137.0.1", "fd09:24ef:4179::a89:1", "00:16:3e:5e:6c:01"), Text(system.Domains[0].Addresses));
        Assert.Equal(("10.137.0.2", "fd09:24ef:4179::a89:2", "00:16:3e:5e:6c:02"), Text(system.Domains[2].Addresses));
        Assert.Equal(
            [
                ("10.137.0.17", "fd09:24ef:4179::a89:11", "00:16:3e:5e:6c:11"), ("10.137.0.18", "fd09:24ef:4179::a89:12", "00:16:3e:5e:6c:12"),
                ("10.137.0.19", "fd09:24ef:4179::a89:13", "00:16:3e:5e:6c:13"), ("10.137.0.20", "fd09:24ef:4179::a89:14", "00:16:3e:5e:6c:15"),
                ("10.137.0.22", "fd09:24ef:4179::a89:16", "00:16:3e:5e:6c:16"),
            ],
            system.Qubes.Skip(1).Select(q => Text(q.Addresses)));
    }

    [Fact]
    public void No_address_is_there_twice_however_many_qubes_there_are()
    {
        string qubes = string.Concat(Enumerable.Range(0, 64).Select(i => $"  q{i}: {{label: red, kernel: k, netvm: n{i % 16}{(i % 3 == 0 ? $", net: {{ip: 10.137.0.{17 + (i * 3 % 200)}}}" : "")}}}\n"));
        string domains = string.Concat(Enumerable.Range(0, 16).Select(i => $"  n{i}: {{kind: net, uplink: {{tap: t{i}}}}}\n"));
        SystemDescription system = Parse($"domains:\n{domains}qubes:\n{qubes}");
        PortAddresses[] all = [.. system.Domains.Select(d => d.Addresses!), .. system.Qubes.Select(q => q.Addresses!)];
        Assert.Equal(80, all.Length);
        Assert.Equal((80, 80, 80), (all.DistinctBy(a => a.Ip).Count(), all.DistinctBy(a => a.Ip6).Count(), all.DistinctBy(a => a.Mac).Count()));
        Assert.All(all, a => Assert.StartsWith("10.137.0.", a.Ip.ToString(), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("ip: 10.137.0.300", "found 10.137.0.300, expected an IPv4 address")]
    [InlineData("ip: 1.5", "ip is the number 1.5, expected an IPv4 address")]
    [InlineData("ip: fd00::1", "ip is 'fd00::1', expected an IPv4 address")]
    [InlineData("ip: 224.0.0.5", "expected the address of one station")]
    [InlineData("ip: 127.0.0.5", "expected the address of one station")]
    [InlineData("ip: 255.255.255.255", "expected the address of one station")]
    [InlineData("ip: 0.0.0.1", "expected the address of one station")]
    [InlineData("ip: 10.139.1.2", "found the address 10.139.1.2 again, expected another; every net domain's service for names has it")]
    [InlineData("ip: 10.137.0.1", "found the address 10.137.0.1 again, expected another; domain 'net' in line 1 has it")]
    [InlineData("ip: 10.137.0.50", "found the address 10.137.0.50 again, expected another; qube 'first' in line 3 has it")]
    [InlineData("ip6: 10.137.0.9", "found 10.137.0.9, expected an IPv6 address")]
    [InlineData("ip6: fe80::1", "expected the address of one station")]
    [InlineData("ip6: FD00::0050", "found the address fd00::50 again")]
    [InlineData("mac: 01:00:5e:00:00:01", "expected the address of one station")]
    [InlineData("mac: fe:ff:ff:ff:ff:ff", "again, expected another; every net domain has it")]
    [InlineData("mac: 52:54:00:00:00:50", "found the address 52:54:00:00:00:50 again, expected another; qube 'first' in line 3 has it")]
    [InlineData("mac: 52-54-00-00-00-50", "mac is '52-54-00-00-00-50', expected an Ethernet address in lower case")]
    [InlineData("mtu: 1200", "mtu is the number 1200, expected a whole number from 1280 to 9216")]
    [InlineData("queues: 17", "queues is the number 17, expected a whole number from 1 to 16")]
    [InlineData("limits: {bps: 100}", "bps is the number 100, expected a size with its unit")]
    [InlineData("limits: {rate: 1}", "'rate' is no key of a net-limits, expected one of bps, pps, burst")]
    public void Refuses_wrong_ports(string net, string expected) => Assert.Contains(
        Errors($"domains: {{net: {{kind: net, uplink: {{tap: t}}}}}}\nqubes:\n  first: {{label: red, kernel: k, netvm: net, net: {{ip: 10.137.0.50, ip6: 'fd00::50', mac: '52:54:00:00:00:50'}}}}\n  second: {{label: red, kernel: k, netvm: net, net: {{{net}}}}}"),
        e => e.Contains(expected, StringComparison.Ordinal));

    [Theory]
    [InlineData("{kind: net}", "1:13: error: domain 'net' has no 'uplink', which a net domain needs")]
    [InlineData("{kind: net, nvme: emulated, namespaces: [k], uplink: {tap: t}}", "found an NVMe controller of domain 'net', which is a net domain; expected 'kind: storage'")]
    [InlineData("{uplink: {tap: t}}", "found an uplink of domain 'net', which is a storage domain; expected 'kind: net'")]
    [InlineData("{kind: nett}", "kind is 'nett', expected storage or net; did you mean 'net'?")]
    [InlineData("{kind: net, uplink: {}}", "uplink has none of tap, interface, e1000, netvm, expected exactly one")]
    [InlineData("{kind: net, uplink: {tap: t, netvm: wall}}", "uplink has more than one of tap, interface, e1000, netvm, expected exactly one")]
    [InlineData("{kind: net, uplink: {tap: 'a/b'}}", "tap is 'a/b', expected the name of a network interface, 1 to 15 characters")]
    [InlineData("{kind: net, uplink: {tap: sixteen-letters-}}", "expected the name of a network interface")]
    [InlineData("{kind: net, uplink: {tap: shared}}", "found the interface shared again, expected another; domain 'net' in line 1 has it")]
    [InlineData("{kind: net, uplink: {interface: shared}}", "found the interface shared again")]
    [InlineData("{kind: net, uplink: {e1000: emulated, wire: 'tap:shared'}}", "found the interface shared again")]
    [InlineData("{kind: net, uplink: {e1000: emulated, wire: 'user:x'}}", "expected user, tap:NAME, connect:PATH or listen:PATH")]
    [InlineData("{kind: net, uplink: {e1000: '02:00.0', wire: user}}", "found a wire for the adapter 02:00.0, which has its own")]
    [InlineData("{kind: net, uplink: {e1000: '01:00.0'}}", "found the function 0000:01:00.0 again, expected another; domain 'disks' in line 1 drives it")]
    [InlineData("{kind: net, uplink: {tap: t, wire: user}}", "uplink has 'wire' without 'e1000', expected both or none")]
    [InlineData("{kind: net, uplink: {tap: t, gateway: 10.0.0.1}}", "uplink has 'gateway' without 'address'")]
    [InlineData("{kind: net, uplink: {tap: t, address: 10.0.0.0/24}}", "found 10.0.0.0/24, expected an address of one station and the length of its network")]
    [InlineData("{kind: net, uplink: {tap: t, address: 10.0.0.1/33}}", "found 10.0.0.1/33, expected an address of one station")]
    [InlineData("{kind: net, uplink: {tap: t, address: 10.0.0.1}}", "expected an IPv4 address and the length of its network")]
    [InlineData("{kind: net, uplink: {tap: t, address: 10.0.0.1/24, gateway: 10.0.1.2}}", "found the gateway 10.0.1.2, expected another address of the network 10.0.0.0/24")]
    [InlineData("{kind: net, uplink: {tap: t, address: 10.0.0.1/24, gateway: 10.0.0.1}}", "found the gateway 10.0.0.1, expected another address")]
    [InlineData("{kind: net, uplink: {tap: t, address6: 'fd00::1/64', gateway6: 'fd01::2'}}", "found the gateway fd01::2, expected another address of the network fd00::/64")]
    [InlineData("{kind: net, uplink: {tap: t, dns: [224.0.0.1]}}", "found the name server 224.0.0.1, expected the IP address of one station")]
    [InlineData("{kind: net, uplink: {netvm: wall, address: 10.0.0.1/24}}", "found the address 10.0.0.1/24 for an uplink to another net domain, expected none")]
    [InlineData("{kind: net, uplink: {netvm: wal}}", "found the net domain 'wal', expected wall or net; did you mean 'wall'?")]
    [InlineData("{kind: net, uplink: {netvm: disks}}", "found the net domain 'disks', expected wall or net")]
    [InlineData("{kind: net, uplink: {netvm: net}}", "found a loop of net domains, net -> net; expected one whose uplink is no net domain")]
    public void Refuses_wrong_domains(string domain, string expected)
    {
        string wall = domain.Contains("shared", StringComparison.Ordinal) ? "shared" : "u";
        string first = wall == "shared" ? $"net: {{kind: net, uplink: {{tap: shared}}}}, other: {domain}" : $"wall: {{kind: net, uplink: {{tap: u}}}}, net: {domain}";
        first = expected.StartsWith("1:13", StringComparison.Ordinal) ? $"  net: {domain}" : first;
        Assert.Contains(Errors($"domains: {{{first}, disks: {{nvme: '01:00.0'}}}}\nqubes: {{w: {{label: red, kernel: k}}}}"), e => e.Contains(expected, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("netvm: ne", "found the net domain 'ne', expected net; did you mean 'net'?")]
    [InlineData("netvm: disks", "found the net domain 'disks', expected net")]
    [InlineData("net: {mtu: 1500}", "'w' has 'net' without 'netvm', expected both or none")]
    [InlineData("publish: [{port: 80}]", "'w' has 'publish' without 'netvm', expected both or none")]
    [InlineData("firewall: []", "'w' has 'firewall' without 'netvm', expected both or none")]
    [InlineData("netvm: net, firewall: [accept, '']", "an item of firewall is an empty text, expected a rule, such as 'accept dsthost=example.com proto=tcp dstports=443'")]
    [InlineData("netvm: net, firewall: [acept proto=tcp]", "2:59: error: firewall rule, rule: found acept, allowed is key=value with one of action, dsthost, dst4, dst6, dstname, proto, specialtarget, dstports, icmptype, expire, comment; did you mean 'accept'?")]
    [InlineData("netvm: net, firewall: [accept prot=tcp]", "did you mean 'proto'?")]
    [InlineData("netvm: net, firewall: [accept proto=tcpp]", "firewall rule, proto: found tcpp, allowed is tcp, udp, icmp or icmp6")]
    [InlineData("netvm: net, firewall: [accept dstports=80]", "firewall rule, dstports: found it with proto=(none), allowed is it with proto=tcp and proto=udp")]
    [InlineData("netvm: net, publish: [{to: 80}]", "an item of publish has no 'port', which a publish needs")]
    [InlineData("netvm: net, publish: [{port: 0}]", "port is the number 0, expected a whole number from 1 to 65535")]
    [InlineData("netvm: net, publish: [{port: 16384}]", "found tcp port 16384, expected another: net domains keep 16384 to 32767, and udp 68 and 546, for themselves")]
    [InlineData("netvm: net, publish: [{port: 68, proto: udp}]", "found udp port 68, expected another")]
    [InlineData("netvm: net, publish: [{port: 80, proto: sctp}]", "proto is 'sctp', expected tcp or udp")]
    [InlineData("netvm: net, publish: [{port: 80}, {port: 80, to: 81}]", "found tcp port 80 of domain 'net' published again, expected another; qube 'w' in line 2 has it")]
    [InlineData("netvm: net, root: {image: k, domain: net}", "found the domain 'net', expected disks")]
    public void Refuses_wrong_clients(string entries, string expected) => Assert.Contains(
        Errors($"domains: {{net: {{kind: net, uplink: {{tap: t}}}}, disks: }}\nqubes: {{w: {{label: red, kernel: k, {entries}}}}}"), e => e.Contains(expected, StringComparison.Ordinal));

    [Fact]
    public void Loops_are_shown_once()
    {
        string error = Assert.Single(Errors("""
            domains:
              front: {kind: net, uplink: {netvm: a}}
              a: {kind: net, uplink: {netvm: b}}
              b: {kind: net, uplink: {netvm: c}}
              c: {kind: net, uplink: {netvm: a}}
            qubes: {w: {label: red, kernel: k, netvm: front, publish: [{port: 80}]}}
            """));
        Assert.Equal("demo.yaml:3:34: error: found a loop of net domains, a -> b -> c -> a; expected one whose uplink is no net domain", error);
    }

    [Fact]
    public void A_port_is_published_once_at_every_domain_of_the_chain() => Assert.Contains(
        "found tcp port 80 of domain 'net' published again, expected another; qube 'v' in line 6 has it",
        Assert.Single(Errors("""
            domains:
              net: {kind: net, uplink: {tap: t}}
              wall: {kind: net, uplink: {netvm: net}}
              fence: {kind: net, uplink: {netvm: net}}
            qubes:
              v: {label: red, kernel: k, netvm: wall, publish: [{port: 80}, {port: 81}]}
              w: {label: red, kernel: k, netvm: fence, publish: [{port: 80, proto: udp}, {port: 80}]}
            """)),
        StringComparison.Ordinal);

    [Theory]
    [InlineData("{tap: t}", "found the interface 't' of Linux as uplink, which seL4 does not have")]
    [InlineData("{interface: t}", "found the interface 't' of Linux as uplink, which seL4 does not have")]
    [InlineData("{netvm: other}", "found the net domain 'other' as uplink: images hold no chains of net domains yet")]
    [InlineData("{e1000: emulated, wire: user}", "found the wire user, expected none: 'makatea boot --net' says where it goes")]
    [InlineData("{e1000: emulated}", "found an emulated adapter again, expected its PCI address: the machine of 'makatea boot' has one, for domain 'other' in line 1")]
    public void Images_refuse_what_does_not_work_on_seL4(string uplink, string expected) => Assert.Contains(
        expected,
        Assert.Throws<SystemFileException>(() => Platforms.RequireSel4(
            Parse($"domains: {{other: {{kind: net, uplink: {{e1000: emulated}}}}, net: {{kind: net, uplink: {uplink}}}}}\ncomponents: {{c: {{program: k}}}}"), "demo.yaml")).Message,
        StringComparison.Ordinal);

    /// <summary>Qubes first, then components, by the same rules.</summary>
    [Fact]
    public void Components_are_clients_as_qubes_are()
    {
        SystemDescription system = Parse("""
            domains: {net: {kind: net, uplink: {e1000: emulated}}}
            components:
              a: {program: k, netvm: net, firewall: [accept proto=icmp, drop], publish: [{port: 80}]}
              b: {program: k, netvm: net, net: {ip: 10.137.0.40}}
              c: {program: k}
            """);
        Platforms.RequireSel4(system, "demo.yaml");
        Assert.Equal(["10.137.0.17", "10.137.0.40", null], system.Components.Select(c => c.Addresses?.Ip.ToString()));
        Assert.Equal("00:16:3e:5e:6c:28", system.Components[1].Addresses!.Mac.ToString());
    }

    [Theory]
    [InlineData("netvm: nat", "found the net domain 'nat', expected")]
    [InlineData("netvm: net, layer: none", "found a net domain of component 'a', which has no layer")]
    [InlineData("netvm: net, firewall: [accept dstport=3]", "dstport")]
    [InlineData("netvm: net, net: {ip: 10.137.0.1}", "found the address 10.137.0.1 again, expected another; domain 'net' in line 1 has it")]
    [InlineData("netvm: net, functions: {f: {address: \"0000:00:04.0\"}}", "found the function 0000:00:04.0 again, expected another; domain 'net' in line 1 drives it")]
    public void What_is_wrong_with_a_component_that_is_a_client_is_said(string keys, string expected) => Assert.Contains(
        expected,
        Assert.Single(Errors($"domains: {{net: {{kind: net, uplink: {{e1000: emulated}}}}}}\ncomponents: {{a: {{program: k, {keys}}}}}")),
        StringComparison.Ordinal);

    private static (string Ip, string Ip6, string Mac) Text(PortAddresses? addresses) => (addresses!.Ip.ToString(), addresses.Ip6.ToString(), addresses.Mac.ToString());
}
