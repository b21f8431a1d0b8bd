using System.Buffers.Binary;
using BenchmarkDotNet.Attributes;
using Makatea.NetStack;
using Makatea.Platform;
using Makatea.Tests.E1000;

namespace Makatea.Benchmarks.Net;

/// <summary>
/// What it costs to forward a frame of 64 bytes (60 and the check sequence), in batches of 32, from and to ports in memory on one thread: all but the ports' own work. A router's packets are UDP of one
/// connection with source NAT: addresses, rules, limits and connection are looked up, headers and checksums changed.
/// </summary>
[MemoryDiagnoser]
public class ForwardBenchmark
{
    /// <summary>Frames that one measured call handles.</summary>
    public const int Frames = 1024;

    private const int FrameLength = 60;
    private const int Buffers = 4096;
    private const ulong GatewayMac = 0xfeff_ffff_ffff;
    private const ulong QubeMac = 0x0016_3e5e_6c05;
    private const ulong UplinkMac = 0x5254_0000_0001;
    private const ulong NextHopMac = 0x5254_0000_00fe;
    private const uint Qube = 0x0a89_0005;
    private const uint External = 0xc000_0207;
    private const uint Remote = 0x5db8_d822;
    private const uint NextHop = 0xc000_0201;

    private LocalMemory _memory = null!;
    private NativeArray<byte> _flows = null!;
    private FramePool _frames = null!;
    private Way _loopback = null!;
    private Way _switch = null!;
    private Way _outbound = null!;
    private Way _inbound = null!;
    private long _now = 1_000_000;

    /// <summary>Makes the planes.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _memory = new(4 * Buffers * FramePool.BufferLength);
        _flows = new(ConnectionTracker.MemoryFor(65_536));
        _frames = new(_memory);
        _loopback = Plane(new ForwardingPlane(_frames, new LoopbackForwarder()), Frame(NextHopMac, QubeMac, Qube, Remote, 1000, 53), isLoop: true);
        _switch = Plane(new ForwardingPlane(_frames, new Switch(12_345)), Frame(NextHopMac, QubeMac, Qube, Remote, 1000, 53));
        Answer(_switch, Frame(QubeMac, NextHopMac, Remote, Qube, 53, 1000));
        SetUpRouter();
    }

    /// <summary>Gives all back.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _frames.Dispose();
        _flows.Dispose();
        _memory.Dispose();
    }

    /// <summary>Back to where it came from.</summary>
    [Benchmark(OperationsPerInvoke = Frames)]
    public long Loopback() => Run(_loopback);

    /// <summary>From one station to another.</summary>
    [Benchmark(OperationsPerInvoke = Frames)]
    public long Switched() => Run(_switch);

    /// <summary>From a qube through the router to the uplink.</summary>
    [Benchmark(OperationsPerInvoke = Frames)]
    public long RoutedOut() => Run(_outbound);

    /// <summary>From the uplink through the router to the qube.</summary>
    [Benchmark(OperationsPerInvoke = Frames)]
    public long RoutedIn() => Run(_inbound);

    private static Way Plane(ForwardingPlane plane, byte[] template, bool isLoop = false)
    {
        TemplateQueue from = Attach(plane, QubeMac).Queue!;
        TemplateQueue to = isLoop ? from : Attach(plane, UplinkMac).Queue!;
        from.Template = template;
        return new(plane, from, to);
    }

    private static TemplatePort Attach(ForwardingPlane plane, ulong mac)
    {
        var port = new TemplatePort(new() { Address = new(mac), IsLinkUp = true, MaxSegments = 64 });
        var options = new NetQueueOptions();
        plane.Attach(port, "port", [port.OpenQueue(0, options)], options);
        plane.Turn(1_000_000);
        return port;
    }

    private static byte[] Frame(ulong to, ulong from, uint source, uint destination, ushort sourcePort, ushort destinationPort)
    {
        byte[] frame = new byte[FrameLength];
        Ethernet.Write(frame, new(to), new(from), Ethernet.IPv4);
        Span<byte> ip = frame.AsSpan(Ethernet.HeaderLength);
        IPv4Header.Write(ip, IpAddress.FromIPv4(source), IpAddress.FromIPv4(destination), IpProtocol.Udp, 64, FrameLength - Ethernet.HeaderLength, 1, IPv4Header.DontFragment);
        Span<byte> udp = ip[IPv4Header.Length..];
        BinaryPrimitives.WriteUInt16BigEndian(udp, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], destinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)udp.Length);
        Checksum.WriteUdp(udp[6..], Checksum.Add(udp, Checksum.PseudoHeader(ip.Slice(IPv4Header.SourceOffset, 8), IpProtocol.Udp, udp.Length)));
        return frame;
    }

    private void SetUpRouter()
    {
        var tracker = new ConnectionTracker(_flows.AsSegment(), new() { Secret = 0x5eed }, _now);
        var router = new Router(_frames, tracker, new LocalDispatcher());
        TemplatePort qube = Attach(router.Plane, QubeMac);
        TemplatePort uplink = Attach(router.Plane, UplinkMac);
        router.ConnectQube(router.Plane.Port(0)!, new() { Number = 0, Mac = new(QubeMac), IPv4 = IpAddress.FromIPv4(Qube) });
        router.ConnectUplink(router.Plane.Port(1)!);
        router.SetUplink(new() { IPv4 = IpAddress.FromIPv4(External), Gateway4 = IpAddress.FromIPv4(NextHop) });
        tracker.Attach(0, IpAddress.FromIPv4(Qube), null, new([FirewallRule.Parse("action=accept")], new HostNames(), []), _now);

        byte[] out1 = Frame(GatewayMac, QubeMac, Qube, Remote, 1000, 53);
        qube.Queue!.Template = out1;
        _outbound = new(router.Plane, qube.Queue, uplink.Queue!);
        Push(_outbound, 1);
        byte[] reply = new byte[FrameLength];
        Ethernet.Write(reply, new(UplinkMac), new(NextHopMac), Ethernet.Arp);
        new ArpMessage(IsRequest: false, new(NextHopMac), IpAddress.FromIPv4(NextHop), new(UplinkMac), IpAddress.FromIPv4(External)).Write(reply.AsSpan(Ethernet.HeaderLength));
        Answer(_outbound, reply);
        Push(_outbound, 1);

        // The port that the connection got outside.
        FlowDecision decision = default;
        ushort port = 0;
        for (int candidate = 1; candidate <= ushort.MaxValue && decision.Verdict != FlowVerdict.Forward || port == 0; candidate++)
        {
            byte[] answer = Frame(UplinkMac, NextHopMac, Remote, External, 53, (ushort)candidate);
            decision = tracker.Inbound(new() { Bytes = answer.AsSpan(Ethernet.HeaderLength), Length = FrameLength - Ethernet.HeaderLength, Protocol = IpProtocol.Udp, TransportOffset = IPv4Header.Length }, _now);
            port = decision.Verdict == FlowVerdict.Forward ? (ushort)candidate : (ushort)0;
        }

        uplink.Queue!.Template = Frame(UplinkMac, NextHopMac, Remote, External, 53, port);
        _inbound = new(router.Plane, uplink.Queue, qube.Queue);
    }

    private void Push(Way way, int frames)
    {
        way.From.Arriving = frames;
        while (way.Plane.Turn(_now))
        {
        }
    }

    /// <summary>Has a frame come from the other side.</summary>
    private void Answer(Way way, byte[] frame)
    {
        way.To.Template = frame;
        way.To.Arriving = 1;
        Push(way, 0);
    }

    private long Run(Way way)
    {
        long before = way.To.Sent;
        way.From.Arriving = Frames;
        _now++;
        while (way.Plane.Turn(_now))
        {
        }

        long sent = way.To.Sent - before;
        return sent >= Frames ? sent : throw new InvalidOperationException($"{sent} of {Frames} frames were forwarded");
    }

    private sealed record Way(ForwardingPlane Plane, TemplateQueue From, TemplateQueue To);
}
