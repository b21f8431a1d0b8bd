using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack.Tests;

/// <summary>A tracker with two qubes behind it, driven by packets and a clock. Translated packets are read back, and their checksums proved, apart from how the stack does.</summary>
internal sealed class NatBed : IDisposable
{
    public const string External4 = "192.0.2.7";
    public const string External6 = "2001:db8::7";
    public const string Remote4 = "93.184.216.34";
    public const string Remote6 = "2001:db8:1::34";

    public static readonly string[] Qubes4 = ["10.137.0.5", "10.137.0.6", "10.137.0.7"];
    public static readonly string[] Qubes6 = ["fd09:24ef:4179::a89:5", "fd09:24ef:4179::a89:6", "fd09:24ef:4179::a89:7"];

    private readonly ConnectionTrackerOptions _options;
    private readonly string _rules;

    public NatBed(string rules = "action=accept", ConnectionTrackerOptions? options = null)
    {
        _rules = rules;
        _options = options ?? new() { Secret = 0x5eed, Flows = 256, FlowsPerQube = 128, Qubes = 3 };
        Memory = new(ConnectionTracker.MemoryFor(_options.Flows));
        Tracker = null!;
        Start();
    }

    public NativeArray<byte> Memory { get; }

    public HostNames Names { get; private set; } = new();

    public ConnectionTracker Tracker { get; private set; }

    public long Now { get; set; } = 1_000_000;

    /// <summary>A domain begins with the memory as it is; with all its qubes, or none.</summary>
    public void Start(bool isAttached = true)
    {
        Names = new();
        Tracker = new(Memory.AsSegment(), _options with { Secret = _options.Secret + (UInt128)Now }, Now);
        Tracker.SetUplink(TestPacket.Ip(External4), TestPacket.Ip(External6));
        for (int i = 0; i < 3 && isAttached; i++)
        {
            Attach(i);
        }
    }

    public void Attach(int qube) => Tracker.Attach(qube, TestPacket.Ip(Qubes4[qube]), TestPacket.Ip(Qubes6[qube]), Rules(_rules), Now);

    public FirewallRuleSet Rules(string rules) => new(
        [.. rules.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(FirewallRule.Parse)], Names, [TestPacket.Ip("10.139.1.1"), TestPacket.Ip("10.139.1.2")]);

    public static TestPacket From(int qube, byte protocol = 17, bool isIPv6 = false) => new()
    {
        Source = isIPv6 ? Qubes6[qube] : Qubes4[qube],
        Destination = isIPv6 ? Remote6 : Remote4,
        Protocol = protocol,
        SourcePort = 40_000,
        DestinationPort = (ushort)(protocol is 6 or 17 ? 53 : 0),
        Payload = [1, 2, 3, 4, 5],
    };

    public Seen Outbound(int qube, TestPacket packet) => Pass(packet, (in FlowPacket p) => Tracker.Outbound(qube, p, Now));

    public Seen Inbound(TestPacket packet) => Pass(packet, (in FlowPacket p) => Tracker.Inbound(p, Now));

    public Seen Between(int from, int to, TestPacket packet) => Pass(packet, (in FlowPacket p) => Tracker.Between(from, to, p, Now));

    public void Dispose() => Memory.Dispose();

    private Seen Pass(TestPacket packet, Call call)
    {
        byte[] frame = packet.Build();
        var flow = new FlowPacket
        {
            Bytes = frame.AsSpan(packet.IpOffset),
            Length = frame.Length - packet.IpOffset,
            Protocol = packet.Protocol,
            TransportOffset = packet.TransportOffset - packet.IpOffset,
            IsPartialChecksum = packet.IsPartial,
        };
        FlowDecision decision = call(flow);
        if (decision.Verdict != FlowVerdict.Forward)
        {
            Assert.Equal(packet.Build(), frame);
            return new(decision, packet);
        }

        Tracker.Translate(decision, flow);
        ReadOnlySpan<byte> ip = frame.AsSpan(packet.IpOffset);
        ReadOnlySpan<byte> transport = frame.AsSpan(packet.TransportOffset);
        bool hasPorts = packet.Protocol is 6 or 17;
        TestPacket seen = packet with
        {
            Source = (packet.IsIPv6 ? IpAddress.ReadIPv6(ip[8..]) : IpAddress.ReadIPv4(ip[12..])).ToString(),
            Destination = (packet.IsIPv6 ? IpAddress.ReadIPv6(ip[24..]) : IpAddress.ReadIPv4(ip[16..])).ToString(),
            SourcePort = hasPorts ? BinaryPrimitives.ReadUInt16BigEndian(transport) : packet.Protocol is 1 or 58 ? BinaryPrimitives.ReadUInt16BigEndian(transport[4..]) : packet.SourcePort,
            DestinationPort = hasPorts ? BinaryPrimitives.ReadUInt16BigEndian(transport[2..]) : packet.DestinationPort,
        };

        // What was read back makes the same bytes, checksums too: nothing else was touched.
        if (packet.Raw is null)
        {
            Assert.Equal(seen.Build(), frame);
        }

        if (!packet.IsPartial && packet.Protocol is not 47)
        {
            TestPacket.AssertRight(frame);
        }

        return new(decision, seen) { Frame = frame };
    }

    private delegate FlowDecision Call(in FlowPacket packet);

    /// <summary>What became of a packet.</summary>
    internal sealed record Seen(FlowDecision Decision, TestPacket Packet)
    {
        public byte[] Frame { get; init; } = [];

        public FlowVerdict Verdict => Decision.Verdict;

        public int Qube => Decision.Qube;

        /// <summary>A packet that answers it.</summary>
        public TestPacket Answer => Packet with
        {
            Source = Packet.Destination,
            Destination = Packet.Source,
            SourcePort = Packet.Protocol is 6 or 17 ? Packet.DestinationPort : Packet.SourcePort,
            DestinationPort = Packet.Protocol is 6 or 17 ? Packet.SourcePort : Packet.DestinationPort,
            IcmpType = (byte)(Packet.IsIPv6 ? 129 : 0),
        };
    }
}
