using System.Text;
using System.Text.Json.Nodes;
using Makatea.Domains.Net;
using Makatea.Running;
using Makatea.Systems;
using Makatea.Tests.Running;

namespace Makatea.Tests.Cli;

/// <summary>The commands of the network against a manager's socket. No component runs: what they change is what the next one is told.</summary>
[Collection(EnvironmentCollection.Name)]
public sealed class NetCommandTests : IDisposable
{
    private const string File = """
        name: demo
        domains:
          net: {kind: net, uplink: {tap: mk0}}
          wall: {kind: net, uplink: {netvm: net}}
        qubes:
          web: {label: red, kernel: k, netvm: wall, firewall: [accept proto=tcp dstports=80, accept specialtarget=dns, drop]}
          any: {label: blue, kernel: k, netvm: wall}
          off: {label: black, kernel: k}
        """;

    private readonly TemporaryDirectory _directory = new();
    private readonly StateDirectory _state;
    private readonly SystemDescription _system;
    private readonly Dictionary<string, NetDomainState> _nets = [];
    private readonly List<DomainRunner> _runners = [];
    private readonly NetControl _control;
    private readonly ControlServer _server;

    public NetCommandTests()
    {
        _directory.File("k");
        Environment.SetEnvironmentVariable("XDG_RUNTIME_DIR", _directory.Path);
        Environment.SetEnvironmentVariable("XDG_STATE_HOME", Path.Combine(_directory.Path, "state"));
        _state = StateDirectory.Take("demo");
        _system = SystemFile.Parse(Encoding.UTF8.GetBytes(File), "demo.yaml", new PathExpansion(_directory.Path, _ => null));
        foreach (DomainDescription domain in _system.Domains)
        {
            var grants = new GrantTable();
            var net = new NetDomainState(NetManifest.Build(_system, domain, grants, NetManifest.Uplink(_system, domain), _state.NetSocket));
            _nets.Add(domain.Name.Value, net);
            _runners.Add(new DomainRunner(domain, grants, [], _state.Log(domain.Name.Value), new RunEvents(), net));
        }

        _control = new NetControl(_nets, d => _runners.First(r => r.Name == d));
        _server = new ControlServer(_state.ControlSocket, Status, _ => { }, _control);
    }

    public void Dispose()
    {
        _server.Dispose();
        _runners.ForEach(r => r.Dispose());
        _state.Dispose();
        Environment.SetEnvironmentVariable("XDG_RUNTIME_DIR", null);
        Environment.SetEnvironmentVariable("XDG_STATE_HOME", null);
        _directory.Dispose();
    }

    private SystemStatus Status() => new(
        "demo", "/demo.yaml", 1, DateTimeOffset.UnixEpoch, "tcg",
        [.. _system.Domains.Select((d, i) => _runners[i].Status with { Uplink = _control.UplinkOf(d), Net = _control.StatusOf(d.Name.Value), Metrics = [] })],
        [.. _system.Qubes.Select(q => new QubeStatus(q.Name.Value, q.Label, PartState.Running, null, 1, 1, 1, "", "", "", []) { Net = _control.StatusOf(q.Name.Value) })]);

    private static string[] Rules(string qube) =>
        [.. JsonNode.Parse(Ok("firewall", qube, "--json"))!.AsArray().Select((r, i) => r!["number"]!.GetValue<int>() == i ? r["rule"]!.GetValue<string>() : "?")];

    private static string Ok(params string[] args)
    {
        (int exit, string output, string error) = ApplicationTests.Run(args);
        Assert.True(exit == 0, error);
        return output;
    }

    private static string Refused(int exit, params string[] args)
    {
        (int found, _, string error) = ApplicationTests.Run(args);
        Assert.Equal(exit, found);
        return error;
    }

    [Fact]
    public void Rules_are_listed_added_deleted_and_reset()
    {
        Assert.Equal(["action=accept proto=tcp dstports=80-80", "action=accept specialtarget=dns", "action=drop"], Rules("web"));
        string table = Ok("firewall", "web", "add", "--before", "2", "accept", "dsthost=example.com", "proto=tcp", "dstports=443", "comment=the", "shop");
        Assert.Contains("accept dsthost=example.com proto=tcp dstports=443-443 comment=the shop", table, StringComparison.Ordinal);
        Assert.Equal(["action=accept proto=tcp dstports=80-80", "action=accept specialtarget=dns", "action=accept dsthost=example.com proto=tcp dstports=443-443 comment=the shop", "action=drop"], Rules("web"));
        Ok("firewall", "web", "del", "0");
        Ok("firewall", "web", "del", "action=accept", "specialtarget=dns");
        Assert.Equal(["action=accept dsthost=example.com proto=tcp dstports=443-443 comment=the shop", "action=drop"], Rules("web"));

        // The next component is told so.
        Assert.Equal(Rules("web"), NetDomainOptions.Read(new() { Name = "wall", Kind = "net", Devices = _nets["wall"].Devices }).Clients[0].Rules);
        Ok("firewall", "web", "reset");
        Assert.Equal(3, Rules("web").Length);
    }

    [Fact]
    public void A_qube_without_rules_has_the_one_that_lets_it_out_and_may_have_none()
    {
        Assert.Equal(["action=accept"], Rules("any"));
        (int exit, _, string error) = ApplicationTests.Run(["firewall", "any", "add", "drop", "dst4=10.0.0.0/8"]);
        Assert.Equal(0, exit);
        Assert.StartsWith("note: rule 0, 'accept', decides about everything but other qubes", error, StringComparison.Ordinal);
        Ok("firewall", "any", "del", "1");
        Ok("firewall", "any", "del", "accept");
        Assert.Contains("no rules: everything is dropped", Ok("firewall", "any"), StringComparison.Ordinal);
        Assert.Equal([], NetDomainOptions.Read(new() { Name = "wall", Kind = "net", Devices = _nets["wall"].Devices }).Clients[1].Rules!);
        Ok("firewall", "any", "reset");
        Assert.Equal(["action=accept"], Rules("any"));
        Assert.Null(_nets["wall"].ClientOf("any").Rules);
    }

    [Theory]
    [InlineData(2, "found no rule to add, expected one such as 'accept dsthost=example.com proto=tcp dstports=443'", "firewall", "web", "add")]
    [InlineData(2, "found no rule to del, expected one such as", "firewall", "web", "del")]
    [InlineData(2, "found 'accept' behind list, expected nothing", "firewall", "web", "list", "accept")]
    [InlineData(2, "firewall rule, proto: found tpc, allowed is tcp, udp, icmp or icmp6", "firewall", "web", "add", "accept", "proto=tpc")]
    [InlineData(2, "found the action 'accept', expected one of list", "firewall", "web", "accept", "proto=tcp")]
    [InlineData(2, "found --before with del, expected it with add", "firewall", "web", "del", "1", "--before", "2")]
    [InlineData(2, "found the action 'ad', expected one of list, add, del, reset; did you mean 'add'?", "firewall", "web", "ad", "accept")]
    [InlineData(1, "found the number 3, but the rules have the numbers 0 to 2", "firewall", "web", "del", "3")]
    [InlineData(1, "found the number 9, but the rules have", "firewall", "web", "add", "--before", "9", "drop")]
    [InlineData(1, "found no rule 'accept'; 'list' shows those that there are", "firewall", "web", "del", "accept")]
    [InlineData(1, "no qube 'wep' with a network runs; there are web, any, wall; did you mean 'web'?", "firewall", "wep")]
    [InlineData(1, "qube 'off' has no network; its entry in the system file names no 'netvm:'", "firewall", "off")]
    [InlineData(1, "no system 'demp' runs; running: demo; did you mean 'demo'?", "firewall", "web", "--system", "demp")]
    [InlineData(1, "no system 'demp' runs", "top", "demp")]
    [InlineData(2, "found the action 'plug', expected attach or detach", "net", "web", "plug")]
    public void Wrong_ones_say_what_is_right(int exit, string expected, params string[] args) => Assert.Contains(expected, Refused(exit, args), StringComparison.Ordinal);

    [Fact]
    public void Cables_are_pulled_and_plugged_in()
    {
        Assert.Equal("web: attached to wall, 10.137.0.17, fd09:24ef:4179::a89:11, 00:16:3e:5e:6c:11\n", Ok("net", "web"));
        Assert.StartsWith("web: detached from wall", Ok("net", "web", "detach"), StringComparison.Ordinal);
        Assert.False(_nets["wall"].ClientOf("web").IsAttached);
        Assert.False(JsonNode.Parse(Ok("net", "web", "--json"))!["attached"]!.GetValue<bool>());
        Ok("net", "web", "attach");
        Ok("net", "wall", "detach", "--system", "demo"); // a client as well
        Assert.Equal((true, false), (_nets["wall"].ClientOf("web").IsAttached, _nets["net"].ClientOf("wall").IsAttached));
    }

    [Fact]
    public void Top_lists_each_domains_uplink_and_clients()
    {
        JsonArray ports = JsonNode.Parse(Ok("top", "--json"))!.AsArray();
        Assert.Equal(
            ["net/uplink/net/tap mk0", "net/domain/wall/10.137.0.2", "wall/uplink/wall/netvm net", "wall/qube/web/10.137.0.17", "wall/qube/any/10.137.0.18"],
            ports.Select(p => $"{p!["domain"]}/{p["kind"]}/{p["name"]}/{p["where"]}"));
        string table = Ok("top", "demo", "--once");
        Assert.Contains("10.137.0.18", table, StringComparison.Ordinal);
        Assert.Contains("dropped, why", table, StringComparison.Ordinal);
    }
}
