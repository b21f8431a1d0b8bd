using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Tests.E1000;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

/// <summary>A router between namespaces of Linux: two that play qubes and one that is the outside, each behind a TAP device, with all that the kernel leaves to a port's other end to do.</summary>
internal sealed class KernelBed : IDisposable
{
    /// <summary>A server's address that is behind the next hop.</summary>
    public const string Server4 = "198.51.100.1";
    public const string Server6 = "2001:db8:1::1";

    private readonly LocalMemory _memory = new(8192 * FramePool.BufferLength);
    private readonly NativeArray<byte> _flows = new(ConnectionTracker.MemoryFor(4096));
    private readonly FramePool _frames;
    private readonly ConnectionTracker _tracker;
    private readonly ForwardingLoop _loop;
    private readonly List<NetPort> _ports = [];

    public KernelBed(string rules = "action=accept")
    {
        NetBed.RequireTap();
        _frames = new(_memory);
        long now = TimeProvider.System.GetTimestamp() / (TimeProvider.System.TimestampFrequency / 1000);
        _tracker = new(_flows.AsSegment(), new() { Secret = 0x5eed, Flows = 4096, FlowsPerQube = 2048, Qubes = 8 }, now);
        Router = new(_frames, _tracker, new LocalDispatcher(), new() { IcmpPerSecond = 1000 });
        _loop = new(new LinuxHost(), Router.Plane);
        _loop.Start();
        Qubes = [NetBed.Create(), NetBed.Create()];
        Outside = NetBed.Create();
        Attach(Outside, "out", mac: null, port =>
        {
            Router.ConnectUplink(port);
            Router.SetUplink(new()
            {
                IPv4 = TestPacket.Ip("192.0.2.7"),
                Network4 = new IpPrefix(TestPacket.Ip("192.0.2.0"), 24),
                Gateway4 = TestPacket.Ip("192.0.2.1"),
                IPv6 = TestPacket.Ip("2001:db8::7"),
                Network6 = new IpPrefix(TestPacket.Ip("2001:db8::"), 64),
                Gateway6 = TestPacket.Ip("2001:db8::1"),
            });
        });
        Outside.Up("out", "192.0.2.1/24", "2001:db8::1/64");
        Outside.Up("lo", Server4 + "/32", Server6 + "/128");
        for (int i = 0; i < 2; i++)
        {
            int number = i;
            Attach(Qubes[i], "q", RouterBed.Macs[i].ToString(), port =>
            {
                var link = new QubeLink { Number = number, Mac = RouterBed.Macs[number], IPv4 = TestPacket.Ip(RouterBed.Qubes4[number]), IPv6 = TestPacket.Ip(RouterBed.Qubes6[number]) };
                Router.ConnectQube(port, link);
                FirewallRule[] parsed = [.. rules.Split(';').Select(FirewallRule.Parse)];
                _tracker.Attach(number, link.IPv4, link.IPv6, new FirewallRuleSet(parsed, new HostNames(), []), Router.Plane.Now);
            });
            Qubes[i].Up("q", RouterBed.Qubes4[i] + "/32", RouterBed.Qubes6[i] + "/128");
            NetBed.Ip("-n", Qubes[i].Name, "route", "add", RouterBed.Gateway4, "dev", "q");
            NetBed.Ip("-n", Qubes[i].Name, "route", "add", "default", "via", RouterBed.Gateway4);
            NetBed.Ip("-n", Qubes[i].Name, "-6", "route", "add", "default", "via", RouterBed.Gateway6, "dev", "q");
        }
    }

    public Router Router { get; }

    public NetBed[] Qubes { get; }

    public NetBed Outside { get; }

    public T On<T>(Func<T> function) => _loop.RunAsync(function).GetAwaiter().GetResult();

    /// <summary>What the forwarding thread allocated so far.</summary>
    public long Allocated => On(GC.GetAllocatedBytesForCurrentThread);

    /// <summary>What was dropped, for messages.</summary>
    public string Drops() => On(() => string.Join(", ",
        from port in Enumerable.Range(0, Router.Plane.PortLimit)
        from reason in Enum.GetValues<DropReason>()
        let count = Router.Dropped(port, reason)
        where count != 0
        select $"{Router.Plane.Port(port)!.Name}: {count} {reason}"));

    public void Dispose()
    {
        _loop.Dispose();
        Assert.Equal(_frames.Count, _frames.Available);
        _ports.ForEach(p => p.Dispose());
        foreach (NetBed bed in (NetBed[])[.. Qubes, Outside])
        {
            bed.Dispose();
        }

        _frames.Dispose();
        _flows.Dispose();
        _memory.Dispose();
    }

    private void Attach(NetBed bed, string name, string? mac, Action<ForwardingPort> connect)
    {
        TapPort port = bed.In(() => TapPort.Open(name));
        _ports.Add(port);
        if (mac is not null)
        {
            NetBed.Ip("-n", bed.Name, "link", "set", name, "address", mac);
        }

        ForwardingPort attached = _loop.AttachAsync(port, bed.Name).GetAwaiter().GetResult();
        On(() =>
        {
            connect(attached);
            return 0;
        });
    }
}
