using System.Diagnostics;
using System.Text;
using Makatea.Cli;
using Makatea.Domains.Net;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Running;
using Makatea.Systems;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Tests.Running;

/// <summary>Runs a chain of real net domains, in their sandboxes, with our own driver as the guest. The uplink of the last is a domain that nobody runs.</summary>
[Trait("Category", "Long")]
public sealed class NetDomainRunnerTests : IDisposable
{
    private const string Chain = """
        domains:
          far: {kind: net, uplink: {tap: none}}
          net: {kind: net, uplink: {netvm: far}}
          wall: {kind: net, uplink: {netvm: net}}
        qubes:
          web: {label: red, kernel: k, netvm: wall, firewall: [accept proto=tcp]}
        """;

    private static readonly NetQueueOptions _queue = new() { TransmitDepth = 16, ReceiveDepth = 16, ReceiveBufferLength = 2048 };

    private readonly TemporaryDirectory _directory = new();
    private readonly Dictionary<string, NetDomainState> _nets = [];
    private readonly Dictionary<string, DomainRunner> _runners = [];
    private readonly NetControl _control;

    public NetDomainRunnerTests()
    {
        _directory.File("k");
        SystemDescription system = SystemFile.Parse(Encoding.UTF8.GetBytes(Chain), "demo.yaml", new PathExpansion(_directory.Path, _ => null));
        foreach (DomainDescription domain in system.Domains)
        {
            string name = domain.Name.Value;
            var grants = new GrantTable();
            if (domain.Uplink!.Value.Value.NetVm is { } netVm)
            {
                var uplink = new NetUplink(Socket(name));
                grants.AddRenewed(NetManifest.UplinkGrant, uplink);
                _runners[netVm.Value].Died += uplink.Renew;
            }

            _nets.Add(name, new NetDomainState(NetManifest.Build(system, domain, grants, NetManifest.Uplink(system, domain), Socket)));
            _runners.Add(name, new DomainRunner(domain, grants, [], Path.Combine(_directory.Path, $"{name}.log"), new RunEvents(), _nets[name]));
        }

        _control = new NetControl(_nets, d => _runners[d]);
    }

    public void Dispose()
    {
        Task.WhenAll(_runners.Values.Select(r => r.StopAsync())).Wait(TimeSpan.FromSeconds(60));
        foreach (DomainRunner runner in _runners.Values)
        {
            runner.Dispose();
        }

        _directory.Dispose();
    }

    private string Socket(string client) => Path.Combine(_directory.Path, $"{client}@net");

    private async Task StartAsync()
    {
        await Task.WhenAll(_runners["net"].StartAsync(), _runners["wall"].StartAsync());
        await UntilAsync("the chain is linked", () => IsUp("wall", NetMetrics.Uplink) && IsUp("net", "wall"));
    }

    private bool IsUp(string domain, string port)
    {
        _runners[domain].RequestMetrics();
        return PortCounters.LinkOf(_runners[domain].Status.Metrics, port) == true;
    }

    private async Task KillAsync(string domain)
    {
        DomainStatus before = _runners[domain].Status;
        Process.GetProcessById(before.Pid!.Value).Kill();
        await UntilAsync($"{domain} is back", () => _runners[domain].Status is { State: PartState.Running } s && s.Pid != before.Pid && s.Restarts == before.Restarts + 1);
    }

    /// <summary>Waits for a domain as QEMU does: a connection that one asked for which was killed since is over, and another follows.</summary>
    private static DriverNetPort Accept(UnixChannelListener guest, LinuxHost host)
    {
        while (true)
        {
            try
            {
                return new DriverNetPort(guest.Accept()!, host);
            }
            catch (VhostUserException)
            {
            }
        }
    }

    private static async Task UntilAsync(string what, Func<bool> condition)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"waited a minute until {what}");
            await Task.Delay(50);
        }
    }

    [Fact]
    public async Task A_chain_links_in_the_sandbox_and_links_again_whoever_dies()
    {
        await StartAsync();
        Assert.DoesNotContain(_runners["wall"].Status.SandboxMissing, m => m.StartsWith("Seccomp", StringComparison.Ordinal));
        await KillAsync("net");
        await UntilAsync("the wall found the next net domain", () => IsUp("wall", NetMetrics.Uplink) && IsUp("net", "wall"));
        await KillAsync("wall");
        await UntilAsync("the next wall found the net domain", () => IsUp("wall", NetMetrics.Uplink) && IsUp("net", "wall"));
    }

    [Fact]
    public async Task Changes_reach_the_component_and_the_one_after_it()
    {
        using var guest = UnixChannelListener.Bind(Socket("web"));
        await StartAsync();
        var host = new LinuxHost();
        using (var port = Accept(guest, host))
        {
            using NetQueue queue = port.OpenQueue(0, _queue);
            Assert.True(port.Info.IsLinkUp);
            Assert.Equal("00:16:3e:5e:6c:11", port.Info.Address.ToString());
            await _control.SetLinkAsync("web", isAttached: false);
            await UntilAsync("the guest sees its link go", () => !port.Info.IsLinkUp);
        }

        Assert.Equal(["action=drop", "action=accept proto=tcp"], await _control.ChangeRulesAsync("web", r => ["action=drop", .. r]));

        // What a component refuses did not happen.
        string error = (await Assert.ThrowsAsync<CommandException>(() => _control.ChangeRulesAsync("web", r => [.. r, "action=perhaps"]))).Message;
        Assert.Contains("domain wall refused:", error, StringComparison.Ordinal);
        Assert.Equal(["action=drop", "action=accept proto=tcp"], _control.RulesOf("web"));
        await KillAsync("wall");
        using (var port = Accept(guest, host))
        {
            using NetQueue queue = port.OpenQueue(0, _queue);
            Assert.False(port.Info.IsLinkUp);
            await _control.SetLinkAsync("web", isAttached: true);
            await UntilAsync("the guest sees its link come", () => port.Info.IsLinkUp);
        }

        Assert.Contains("with 2 firewall rules", File.ReadAllText(Path.Combine(_directory.Path, "wall.log")), StringComparison.Ordinal);
        Assert.Equal(["action=accept proto=tcp"], await _control.ChangeRulesAsync("web", null));
    }
}
