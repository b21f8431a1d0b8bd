using System.Buffers.Binary;
using BenchmarkDotNet.Attributes;
using Makatea.NetStack;
using Makatea.Platform;

namespace Makatea.Benchmarks.Net;

/// <summary>What connection tracking and source NAT cost: a packet of a TCP connection, tracked and translated, and a packet that begins a flow.</summary>
[MemoryDiagnoser]
public class TrackerBenchmark
{
    /// <summary>Packets that one measured call handles.</summary>
    public const int Packets = 4096;

    private const int Flows = 65536;
    private const string Qube4 = "10.137.0.5";
    private const string Qube6 = "fd09:24ef:4179::a89:5";
    private const string External4 = "192.0.2.7";
    private const string External6 = "2001:db8::7";

    private readonly byte[][] _outbound = new byte[Packets][];
    private readonly byte[][] _inbound = new byte[Packets][];
    private readonly byte[][] _pristine = new byte[2 * Packets][];
    private NativeArray<byte> _memory = null!;
    private ConnectionTracker _tracker = null!;
    private byte[] _first = null!;
    private int _next;

    /// <summary>IPv6, in place of IPv4.</summary>
    [Params(false, true)]
    public bool IsIPv6 { get; set; }

    /// <summary>Connections that packets are of, in turn.</summary>
    [Params(1, 4096)]
    public int Connections { get; set; }

    /// <summary>Makes a table and its connections.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _memory = new(ConnectionTracker.MemoryFor(Flows));
        _tracker = new(_memory.AsSegment(), new() { Flows = Flows, Secret = 0x5eed }, 0);
        _tracker.SetUplink(FlowFrames.Ip(External4), FlowFrames.Ip(External6));
        _tracker.Attach(0, FlowFrames.Ip(Qube4), FlowFrames.Ip(Qube6), new([FirewallRule.Parse("action=accept")], new(), []), 0);
        for (int i = 0; i < Packets; i++)
        {
            int connection = i % Connections;
            ushort port = (ushort)(2000 + connection);
            string remote = IsIPv6 ? $"2001:db8:1::{connection + 1:x}" : $"93.184.{connection >> 8}.{connection & 255}";
            (string qube, string external) = IsIPv6 ? (Qube6, External6) : (Qube4, External4);
            _outbound[i] = FlowFrames.Make(qube, remote, FlowFrames.Tcp, port, 443, 1001, 5001);
            _inbound[i] = FlowFrames.Make(remote, external, FlowFrames.Tcp, 443, port, 5001, 1001);
            if (i < Connections)
            {
                _tracker.Outbound(0, FlowFrames.Describe(FlowFrames.Make(qube, remote, FlowFrames.Tcp, port, 443, 1000, 0, 2)), 0);
                _tracker.Inbound(FlowFrames.Describe(FlowFrames.Make(remote, external, FlowFrames.Tcp, 443, port, 5000, 1001, 18)), 0);
            }
        }

        for (int i = 0; i < Packets; i++)
        {
            _pristine[2 * i] = [.. _outbound[i]];
            _pristine[(2 * i) + 1] = [.. _inbound[i]];
        }

        _first = FlowFrames.Make(IsIPv6 ? Qube6 : Qube4, IsIPv6 ? "2001:db8:2::1" : "198.51.100.1", FlowFrames.Udp, 1024, 53);
    }

    /// <summary>Ends.</summary>
    [GlobalCleanup]
    public void Cleanup() => _memory.Dispose();

    /// <summary>Half out, half in: found, checked against the window, translated. The copy that brings each packet back to what it was (60 bytes) is in the number.</summary>
    [Benchmark(OperationsPerInvoke = 2 * Packets)]
    public long Established()
    {
        long forwarded = 0;
        for (int i = 0; i < Packets; i++)
        {
            _pristine[2 * i].CopyTo(_outbound[i], 0);
            FlowPacket packet = FlowFrames.Describe(_outbound[i]);
            FlowDecision decision = _tracker.Outbound(0, packet, 1);
            _tracker.Translate(decision, packet);
            forwarded += decision.Verdict == FlowVerdict.Forward ? 1 : 0;

            _pristine[(2 * i) + 1].CopyTo(_inbound[i], 0);
            packet = FlowFrames.Describe(_inbound[i]);
            decision = _tracker.Inbound(packet, 1);
            _tracker.Translate(decision, packet);
            forwarded += decision.Verdict == FlowVerdict.Forward ? 1 : 0;
        }

        return forwarded == 2 * Packets ? forwarded : throw new InvalidOperationException($"{forwarded} of {2 * Packets} packets went on");
    }

    /// <summary>Flows that are never answered, each to make place for the next once the qube has all that it may have.</summary>
    [Benchmark(OperationsPerInvoke = Packets)]
    public long New()
    {
        long forwarded = 0;
        for (int i = 0; i < Packets; i++)
        {
            _next = (_next + 1) % 1_000_000;

            // Another peer and another port each time: its last four bytes, and the qube's port behind them.
            int transport = IsIPv6 ? 40 : 20;
            BinaryPrimitives.WriteInt32BigEndian(_first.AsSpan(transport - sizeof(int)), _next);
            BinaryPrimitives.WriteUInt16BigEndian(_first.AsSpan(transport), (ushort)(1024 + (_next % 50_000)));
            FlowPacket packet = FlowFrames.Describe(_first);
            FlowDecision decision = _tracker.Outbound(0, packet, 1);
            forwarded += decision.Verdict == FlowVerdict.Forward ? 1 : 0;
        }

        return forwarded == Packets ? forwarded : throw new InvalidOperationException($"{forwarded} of {Packets} packets went on");
    }
}
