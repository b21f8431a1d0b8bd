using System.Diagnostics;
using System.IO.Pipelines;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Tests.E1000;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

/// <summary>
/// A net domain's router and services between two kernels: TAP devices in namespaces of the test's own.
/// <code>
/// qube (eth0) -- router and services -- mid (up0) -- veth -- far
/// </code>
/// </summary>
internal sealed class PeerBed : IDisposable
{
    internal static readonly MacAddress QubeMac = new(0x0016_3e5e_6c05);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private readonly LocalMemory _frames = new(4096 * FramePool.BufferLength);
    private readonly NativeArray<byte> _flows;
    private readonly NetPort _qubePort;
    private readonly NetPort _uplinkPort;
    private readonly List<Process> _processes = [];

    /// <summary>Makes it.</summary>
    /// <param name="application">Where those run who use TCP; null on the forwarding thread.</param>
    /// <param name="faults">What is done to TCP's segments, either way.</param>
    internal PeerBed(PipeScheduler? application = null, LinkFaults? faults = null)
    {
        NetBed.RequireTap();
        NetBed.Require("tshark", "tshark");
        NetBed.Require("tcpdump", "tcpdump");
        (Qube, Mid, Far) = (NetBed.Create(), NetBed.Create(), NetBed.Create());
        Folder = Directory.CreateTempSubdirectory("mkt-peers-").FullName;
        Mid.Veth("v0", Far, "v1");
        Mid.Up("v0", "10.98.0.1/24", "fd98::1/64");
        Far.Up("v1", "10.98.0.2/24", "fd98::2/64");
        NetBed.Ip("-n", Far.Name, "route", "add", "default", "via", "10.98.0.1");
        NetBed.Ip("-n", Far.Name, "-6", "route", "add", "default", "via", "fd98::1");
        Mid.Exec("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");

        _qubePort = Qube.In(() => TapPort.Open("eth0"));
        NetBed.Ip("-n", Qube.Name, "link", "set", "eth0", "address", QubeMac.ToString());
        _uplinkPort = Mid.In(() => TapPort.Open("up0"));
        Mid.Up("up0", "10.99.0.1/24", "fd99::1/64");

        var tracking = new ConnectionTrackerOptions { Secret = 0x5eed, Flows = 1024, FlowsPerQube = 512, Qubes = 8 };
        _flows = new(ConnectionTracker.MemoryFor(tracking.Flows));
        var tracker = new ConnectionTracker(_flows.AsSegment(), tracking, 0);
        var host = new LinuxHost();
        Router = new(new(_frames), tracker, Local, new() { LocalAddresses = [Ip("10.139.1.1"), Ip("10.139.1.2"), Ip("fd53::53")] });
        Loop = new(host, Router.Plane);
        Udp = new(Router, new(1));
        Faults = new(Router, faults ?? new() { Delay = 0 });
        Tcp = new(Faults, new(2), new ForwardingScheduler(Loop), new() { SendBuffer = 256 * 1024, ReceiveBuffer = 256 * 1024, KeepAliveIdle = 0, ApplicationScheduler = application });
        Faults.Receiver = Tcp;
        Local.SetReceiver(IpProtocol.Udp, Udp);
        Local.SetReceiver(IpProtocol.Tcp, Faults);
        Local.AddTimer(Faults);
        Local.SetReceiver(IpProtocol.Icmp6, Discovery);
        Local.AddTimer(Tcp);
        Loop.Start();
        QubeSide = Loop.AttachAsync(_qubePort, "qube").WaitAsync(_patience).GetAwaiter().GetResult();
        Uplink = Loop.AttachAsync(_uplinkPort, "uplink").WaitAsync(_patience).GetAwaiter().GetResult();
        Do(() =>
        {
            Router.ConnectUplink(Uplink);
            Router.ConnectQube(QubeSide, new() { Number = 0, Mac = QubeMac, IPv4 = Ip("10.137.0.5"), IPv6 = Ip("fd09::5") });
            tracker.Attach(0, Ip("10.137.0.5"), Ip("fd09::5"), new([FirewallRule.Parse("action=accept")], new HostNames(), [Ip("10.139.1.1"), Ip("10.139.1.2"), Ip("fd53::53")]), Router.Now);
        });
    }

    internal NetBed Qube { get; }

    internal NetBed Mid { get; }

    internal NetBed Far { get; }

    internal string Folder { get; }

    internal Router Router { get; }

    internal ForwardingLoop Loop { get; }

    internal LocalDispatcher Local { get; } = new();

    internal RouterDiscovery Discovery { get; } = new();

    internal FaultyLayer Faults { get; }

    internal UdpHost Udp { get; }

    internal TcpHost Tcp { get; }

    internal ForwardingPort QubeSide { get; }

    internal ForwardingPort Uplink { get; }

    internal static IpAddress Ip(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new FormatException(text);

    /// <summary>Does something on the forwarding thread.</summary>
    internal void Do(Action action) => Loop.RunAsync(action).WaitAsync(_patience).GetAwaiter().GetResult();

    internal T Do<T>(Func<T> function) => Loop.RunAsync(function).WaitAsync(_patience).GetAwaiter().GetResult();

    /// <summary>Waits until something holds.</summary>
    internal void Await(Func<bool> condition, string what, int seconds = 30)
    {
        var clock = Stopwatch.StartNew();
        while (!Do(condition))
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(seconds), $"after {seconds} s not yet: {what}");
            Thread.Sleep(20);
        }
    }

    /// <summary>Gives the uplink fixed addresses.</summary>
    internal void SetUplink()
    {
        Do(() => Router.SetUplink(new()
        {
            IPv4 = Ip("10.99.0.2"),
            Network4 = new IpPrefix(Ip("10.99.0.2"), 24),
            Gateway4 = Ip("10.99.0.1"),
            IPv6 = Ip("fd99::2"),
            Network6 = new IpPrefix(Ip("fd99::2"), 64),
            Gateway6 = Ip("fd99::1"),
        }));
    }

    /// <summary>Starts a program in a namespace that ends with the bed.</summary>
    internal void Start(NetBed bed, string program, params string[] arguments)
    {
        Process process = bed.Start(program, arguments);
        _processes.Add(process);
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Records what is on an interface.</summary>
    internal void Capture(NetBed bed, string device)
    {
        string file = Path.Combine(Folder, $"{device}.pcap");
        Start(bed, "tcpdump", "-i", device, "--immediate-mode", "-B", "16384", "-U", "-s", "0", "-Z", "root", "-w", file);
        Assert.True(SpinWait.SpinUntil(() => File.Exists(file) && new FileInfo(file).Length >= 24, TimeSpan.FromSeconds(10)), "tcpdump did not begin");
    }

    /// <summary>Has tshark read what was recorded: no frame is malformed, and no checksum of the domain's is wrong.</summary>
    /// <returns>Number of frames that the domain sent.</returns>
    internal int CheckCapture(string device, MacAddress own)
    {
        Thread.Sleep(500); // what tcpdump has on its way
        string file = Path.Combine(Folder, $"{device}.pcap");
        string[] checks = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];
        string bad = $"_ws.malformed || (eth.src == {own} && (ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || icmpv6.checksum.status == 0))";
        string found = Mid.Exec("tshark", [.. checks, "-n", "-r", file, "-Y", bad]);
        Assert.True(found.Length == 0, found);
        return Mid.Exec("tshark", "-n", "-r", file, "-Y", $"eth.src == {own}").Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
    }

    public void Dispose()
    {
        Loop.Dispose();
        _qubePort.Dispose();
        _uplinkPort.Dispose();
        foreach (Process process in _processes)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }

        Far.Dispose();
        Mid.Dispose();
        Qube.Dispose();
        Router.Plane.Frames.Dispose();
        _flows.Dispose();
        _frames.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
