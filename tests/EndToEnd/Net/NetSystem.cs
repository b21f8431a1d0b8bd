using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Makatea.Tests.Net;

namespace Makatea.EndToEnd;

/// <summary>A qube of a <see cref="NetSystem"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="NetVm">Its net domain.</param>
/// <param name="Keys">More lines of the system file, such as <c>firewall: [drop]</c>.</param>
internal sealed record NetQube(string Name, string NetVm, params IReadOnlyList<string> Keys);

/// <summary>
/// A system with net domains that <c>makatea up</c> runs in a network namespace, Linux guests that the test drives, and an outside whose kernel is the peer: in the same namespace behind a TAP
/// device, or in one of its own behind a veth pair.
/// </summary>
internal sealed class NetSystem : IDisposable
{
    /// <summary>The outside's addresses.</summary>
    public const string Outside4 = "192.0.2.1";

    /// <inheritdoc cref="Outside4"/>
    public const string Outside6 = "2001:db8::1";

    /// <summary>The uplink's.</summary>
    public const string Uplink4 = "192.0.2.7";

    /// <inheritdoc cref="Uplink4"/>
    public const string Uplink6 = "2001:db8::7";

    /// <summary>What a net domain is to its clients, whichever it is.</summary>
    public const string Gateway6 = "fe80::fcff:ffff:feff:ffff";

    private const string OutsideDevice = "outside";
    private const string UplinkDevice = "uplink";
    private readonly Scratch _scratch = new();
    private readonly NetBed? _middle;
    private readonly RunningSystem _system;
    private readonly Dictionary<string, AgentConnection> _agents = [];
    private readonly List<TetheredProcess> _servers = [];

    private NetSystem(bool hasVeth, string domains, IReadOnlyList<NetQube> qubes)
    {
        NetBed.RequireTap();
        Outside = NetBed.Create();
        if (hasVeth)
        {
            _middle = NetBed.Create();
            Outside.Veth(OutsideDevice, _middle, UplinkDevice);
            _middle.UpBare(UplinkDevice);
        }
        else
        {
            NetBed.Ip("-n", Outside.Name, "tuntap", "add", OutsideDevice, "mode", "tap", "vnet_hdr");
        }

        // Stays down until addresses are there: nodad only counts for addresses, not for what the link makes itself.
        Outside.Up(OutsideDevice, $"{Outside4}/24", $"{Outside6}/64");
        Server = new StreamServer(Outside);
        File.WriteAllText(EndToEnd.SystemFile.PathIn(_scratch), SystemFile(hasVeth, domains, qubes));
        _system = RunningSystem.StartIn((_middle ?? Outside).Name, _scratch);
        foreach (NetQube qube in qubes)
        {
            _system.WaitForConsole(qube.Name, "@ready", seconds: 2 * RunningSystem.BootSeconds);
            _agents.Add(qube.Name, new AgentConnection(new UnixDomainSocketEndPoint(Named(_system.Status["qubes"]!, qube.Name)["console"]!.GetValue<string>())));
        }
    }

    /// <summary>The outside.</summary>
    public NetBed Outside { get; }

    /// <summary>What guests send to and receive from there.</summary>
    public StreamServer Server { get; }

    /// <summary>The system.</summary>
    public RunningSystem System => _system;

    /// <summary>Where files are that end with it.</summary>
    public Scratch Scratch => _scratch;

    /// <summary>Starts one, and waits for its guests.</summary>
    /// <param name="hasVeth">The uplink is an end of a veth pair, by a packet socket; else a TAP device.</param>
    /// <param name="domains">Net domains behind <c>net</c>, such as <c>firewall: {kind: net, uplink: {netvm: net}}</c>; or nothing.</param>
    /// <param name="qubes">The qubes.</param>
    public static NetSystem Start(bool hasVeth, string domains, params IReadOnlyList<NetQube> qubes) => new(hasVeth, domains, qubes);

    /// <summary>Runs a shell script in a qube; it must end with status 0.</summary>
    /// <returns>What it printed.</returns>
    public string Run(string qube, string script, double seconds = 60)
    {
        (int status, string output) = TryRun(qube, script, seconds);
        return status == 0 ? output : throw new GuestException($"{qube} ended this with status {status}:\n{script}\nIt printed:\n{output}\n{Describe()}");
    }

    /// <summary>Runs a shell script in a qube.</summary>
    /// <returns>Its status, and what it printed.</returns>
    public (int Status, string Output) TryRun(string qube, string script, double seconds = 60)
    {
        try
        {
            return _agents[qube].Run(script, seconds);
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            throw new GuestException($"{qube} did not end this within {seconds} s:\n{script}\n{e.Message}\n{Describe()}");
        }
    }

    /// <summary>Starts a program in the background; <see cref="Finish"/> waits for it.</summary>
    public void Begin(string qube, string name, string command) =>
        Run(qube, $"rm -f /tmp/{name}.status; ({command}; echo $? >/tmp/{name}.status) >/tmp/{name}.log 2>&1 &");

    /// <summary>Waits for a program of <see cref="Begin"/>; it must end with status 0.</summary>
    /// <returns>What it printed.</returns>
    public string Finish(string qube, string name, double seconds = 120) =>
        Run(qube, $"while [ ! -s /tmp/{name}.status ]; do sleep 0.1; done; cat /tmp/{name}.log; exit $(cat /tmp/{name}.status)", seconds);

    /// <summary>Gives a qube its addresses without asking anybody.</summary>
    public void Configure(string qube)
    {
        JsonNode net = Named(_system.Status["qubes"]!, qube)["net"]!;
        (string ip4, string ip6) = (net["ip"]!.GetValue<string>(), net["ip6"]!.GetValue<string>());

        // By its path: busybox's shell takes its own of that name, which knows less.
        Run(qube, $"""
            set -e
            /bin/ip link set lo up
            /bin/ip link set eth0 up
            /bin/ip addr add {ip4}/32 dev eth0
            /bin/ip -6 addr add {ip6}/128 dev eth0 nodad
            /bin/ip route add default via 10.137.0.1 dev eth0 onlink
            /bin/ip -6 route replace default via {Gateway6} dev eth0 metric 1
            """);
    }

    /// <summary>Starts a program outside, until the system ends.</summary>
    public TetheredProcess Serve(string name, params string[] command)
    {
        var server = TetheredProcess.Start(_scratch.File($"{name}.log"), ["ip", "netns", "exec", Outside.Name, .. command]);
        _servers.Add(server);
        return server;
    }

    /// <summary>Captures what passes at the outside's end of the uplink.</summary>
    /// <returns>The file.</returns>
    public string Capture()
    {
        NetBed.Require("tcpdump", "tcpdump");
        string file = _scratch.File("outside.pcap");
        Serve("tcpdump", "tcpdump", "-i", OutsideDevice, "-w", file, "-U", "-Z", "root");
        Deadline.Wait("tcpdump", 20, () => File.Exists(file));
        return file;
    }

    /// <summary>Kills a domain's process, and waits until its successor serves.</summary>
    /// <returns>How long it was away, by what the manager says.</returns>
    public TimeSpan Kill(string domain)
    {
        int pid = DomainOf(domain)["pid"]!.GetValue<int>();
        var watch = Stopwatch.StartNew();
        Process.GetProcessById(pid).Kill();
        _system.Wait($"{domain} after the death of process {pid}", 30, () =>
            DomainOf(domain) is { } d && d["state"]!.GetValue<string>() == "running" && d["pid"] is { } next && next.GetValue<int>() != pid);
        return watch.Elapsed;
    }

    /// <summary>A qube's port, as <c>makatea top --json</c> shows it.</summary>
    public JsonNode Port(string qube) => JsonNode.Parse(_system.Makatea("top", "--json"))!.AsArray().Single(p => p!["kind"]!.GetValue<string>() == "qube" && p["name"]!.GetValue<string>() == qube)!;

    /// <summary>What domains and guests say, for the message of a failed test.</summary>
    public string Describe()
    {
        (int _, string top) = _system.TryMakatea("top", "--json");
        string folder = $"{_scratch.Folder}/state";
        string[] logs = Directory.Exists(folder) ? Directory.GetFiles(folder, "*.log", SearchOption.AllDirectories) : [];
        return $"{_system.Log}\n{top}\n{string.Join('\n', logs.Select(l => $"--- {l}\n{Tail(File.ReadAllText(l))}"))}";
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (AgentConnection agent in _agents.Values)
        {
            agent.Dispose();
        }

        if (!_system.HasEnded)
        {
            _system.TryMakatea("down", "--now");
        }

        _system.Dispose();
        _servers.ForEach(s => s.Dispose());
        Server.Dispose();
        _middle?.Dispose();
        Outside.Dispose();
        _scratch.Dispose();
    }

    private JsonNode DomainOf(string name) => Named(_system.Status["domains"]!, name);

    private static JsonNode Named(JsonNode list, string name) => list.AsArray().Single(n => n!["name"]!.GetValue<string>() == name)!;

    private static string Tail(string text) => text.Length > 4000 ? text[^4000..] : text;

    private static string SystemFile(bool hasVeth, string domains, IReadOnlyList<NetQube> qubes)
    {
        (string kernel, string initramfs) = GuestAssets.Network;
        string uplink = hasVeth ? $"interface: {UplinkDevice}" : $"tap: {OutsideDevice}";
        var text = new StringBuilder($"""
            name: {EndToEnd.SystemFile.Name}
            domains:
              net:
                kind: net
                uplink:
                  {uplink}
                  address: {Uplink4}/24
                  gateway: {Outside4}
                  address6: "{Uplink6}/64"
                  gateway6: "{Outside6}"
                  dns: [{Outside4}]
            {domains}
            qubes:

            """);
        foreach (NetQube qube in qubes)
        {
            text.Append($"""
                  {qube.Name}:
                    label: blue
                    memory: 192M
                    kernel: {kernel}
                    initrd: {initramfs}
                    cmdline: console=ttyS0 panic=-1 no_timer_check quiet run={Convert.ToBase64String(Encoding.ASCII.GetBytes("agent /dev/ttyS0"))}
                    netvm: {qube.NetVm}

                """);
            foreach (string key in qube.Keys)
            {
                text.Append($"    {key}\n");
            }
        }

        return text.ToString();
    }
}
