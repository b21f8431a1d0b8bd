using Makatea.Platform;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

/// <summary>A router with two qubes and an uplink, all in memory, and the real connection tracker. Its end fails where a buffer is missing.</summary>
internal sealed class RouterBed : IDisposable
{
    public const int A = 0;
    public const int B = 1;
    public const int Up = 2;
    public const string Outside4 = "93.184.216.34";
    public const string Outside6 = "2001:db8:1::34";
    public const string External4 = "192.0.2.7";
    public const string External6 = "2001:db8::7";
    public const string Gateway4 = "10.137.0.1";
    public const string Gateway6 = "fe80::fcff:ffff:feff:ffff";
    public const string NextHop4 = "192.0.2.1";
    public const string NextHop6 = "fe80::1";
    public const string Dns4 = "10.139.1.1";

    public static readonly MacAddress GatewayMac = new(0xfeff_ffff_ffff);
    public static readonly MacAddress UplinkMac = new(0x5254_0000_0001);
    public static readonly MacAddress NextHopMac = new(0x5254_0000_00fe);
    public static readonly MacAddress[] Macs = [new(0x0016_3e5e_6c05), new(0x0016_3e5e_6c06)];
    public static readonly string[] Qubes4 = ["10.137.0.5", "10.137.0.6"];
    public static readonly string[] Qubes6 = ["fd09:24ef:4179::a89:5", "fd09:24ef:4179::a89:6"];
    public static readonly string[] LinkLocals = ["fe80::216:3eff:fe5e:6c05", "fe80::216:3eff:fe5e:6c06"];

    private readonly NativeArray<byte> _memory;
    private readonly PlaneBed _bed;

    public RouterBed(string rules = "action=accept", GatewayOptions? options = null, NetPortInfo? uplink = null, NetPortInfo? guest = null, Func<QubeLink, QubeLink>? link = null, bool hasAddress = true, bool knowsNextHop = true, bool uplinkHolds = false)
    {
        var tracking = new ConnectionTrackerOptions { Secret = 0x5eed, Flows = 1024, FlowsPerQube = 512, Qubes = 8 };
        _memory = new(ConnectionTracker.MemoryFor(tracking.Flows));
        Tracker = new(_memory.AsSegment(), tracking, 1_000_000);
        options ??= new() { IcmpPerSecond = 0 };
        options = options with { LocalAddresses = [TestPacket.Ip(Dns4)] };
        Router router = null!;
        _bed = new(
            frames =>
            {
                router = new(frames, Tracker, Local, options);
                return router.Plane;
            },
            4096, new() { ReceiveDepth = 128, TransmitDepth = 128 });
        Router = router;
        Guests = [_bed.Attach(Port(guest)), _bed.Attach(Port(guest))];
        MemoryPort up = Port(uplink);
        up.Queue.HoldsFrames = uplinkHolds;
        Uplink = _bed.Attach(up);
        for (int i = 0; i < 2; i++)
        {
            var given = new QubeLink { Number = i, Mac = Macs[i], IPv4 = TestPacket.Ip(Qubes4[i]), IPv6 = TestPacket.Ip(Qubes6[i]) };
            Router.ConnectQube(Guests[i], link?.Invoke(given) ?? given);
            Tracker.Attach(i, given.IPv4, given.IPv6, Rules(rules), Now);
        }

        Router.ConnectUplink(Uplink);
        if (hasAddress)
        {
            SetUplink();
        }

        if (hasAddress && knowsNextHop)
        {
            LearnNextHops();
        }
    }

    public static UplinkAddresses Addresses => new()
    {
        IPv4 = TestPacket.Ip(External4),
        Network4 = new IpPrefix(TestPacket.Ip(External4), 24),
        Gateway4 = TestPacket.Ip(NextHop4),
        IPv6 = TestPacket.Ip(External6),
        Network6 = new IpPrefix(TestPacket.Ip(External6), 64),
        Gateway6 = TestPacket.Ip(NextHop6),
    };

    public ForwardingPort[] Guests { get; }

    public ForwardingPort Uplink { get; }

    public Router Router { get; }

    public ConnectionTracker Tracker { get; }

    public LocalDispatcher Local { get; } = new();

    public FramePool Frames => _bed.Frames;

    public PlaneBed Bed => _bed;

    public long Now
    {
        get => _bed.Now;
        set => _bed.Now = value;
    }

    /// <summary>Something that a qube sends to the outside.</summary>
    public static TestPacket From(int qube, byte protocol = 17, bool isIPv6 = false) => new()
    {
        From = Macs[qube],
        To = GatewayMac,
        Source = isIPv6 ? Qubes6[qube] : Qubes4[qube],
        Destination = isIPv6 ? Outside6 : Outside4,
        Protocol = protocol,
        TcpFlags = 0x02,
        Payload = protocol == 6 ? [] : [1, 2, 3, 4, 5],
    };

    /// <summary>Something that comes from the outside.</summary>
    public static TestPacket FromOutside(byte protocol = 17, bool isIPv6 = false) => new()
    {
        From = NextHopMac,
        To = UplinkMac,
        Source = isIPv6 ? Outside6 : Outside4,
        Destination = isIPv6 ? External6 : External4,
        Protocol = protocol,
        SourcePort = 53,
        Payload = [9, 8, 7],
    };

    public FirewallRuleSet Rules(string rules) => new(
        [.. rules.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(FirewallRule.Parse)], new HostNames(), [TestPacket.Ip(Dns4)]);

    /// <summary>Sets the uplink's addresses, and lets what it announces of them pass.</summary>
    public void SetUplink()
    {
        Router.SetUplink(Addresses);
        for (int i = 0; i < 4; i++)
        {
            Now += 2000;
            Run();
        }

        TakeSent(Up);
    }

    public void Arrive(int port, byte[] frame, NetFrameOffload offload = default) => _bed.Arrive(port, frame, offload);

    public void Arrive(int port, TestPacket packet, NetFrameOffload offload = default) => _bed.Arrive(port, packet.Build(), offload);

    public List<SentFrame> TakeSent(int port) => _bed.TakeSent(port);

    public SentFrame TakeOne(int port) => Assert.Single(TakeSent(port));

    public void Run() => _bed.Run();

    /// <summary>Nothing was sent anywhere.</summary>
    public void AssertSilence() => Assert.Equal([0, 0, 0], Enumerable.Range(0, 3).Select(p => TakeSent(p).Count));

    /// <summary>One packet was dropped at a port for a reason, and nothing was sent.</summary>
    public void AssertDropped(int port, DropReason reason)
    {
        AssertSilence();
        for (DropReason other = DropReason.None; other <= DropReason.NoBuffer; other++)
        {
            ulong dropped = Router.Dropped(port, other);
            Assert.True(dropped == (other == reason ? 1ul : 0ul), $"{dropped} dropped for {other}; one was to be for {reason}");
        }
    }

    public void Dispose()
    {
        _bed.Dispose();
        _memory.Dispose();
    }

    private static MemoryPort Port(NetPortInfo? info) => new(info ?? new() { Address = UplinkMac, IsLinkUp = true, MaxSegments = 64 });

    /// <summary>Has the router ask for its next hops, and answers.</summary>
    private void LearnNextHops()
    {
        Assert.True(Router.Send(IIpLayer.AnyPort, TestPacket.Ip(External4), TestPacket.Ip(Outside4), 253, 64, [1]));
        Assert.True(Router.Send(IIpLayer.AnyPort, TestPacket.Ip(External6), TestPacket.Ip(Outside6), 253, 64, [1]));
        Arrive(Up, Arp.Reply(NextHopMac, NextHop4, UplinkMac, External4));
        Arrive(Up, Nd.Advertisement(NextHopMac, NextHop6, UplinkMac, LinkLocal(UplinkMac)));
        TakeSent(Up);
    }

    public static string LinkLocal(MacAddress mac) => IpAddress.LinkLocal(mac).ToString();
}
