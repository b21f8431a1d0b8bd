using BenchmarkDotNet.Attributes;
using Makatea.NetStack;

namespace Makatea.Benchmarks.Net;

/// <summary>What it costs to match a new flow with rules, of which the last matches.</summary>
[MemoryDiagnoser]
public class FirewallBenchmark
{
    /// <summary>Flows that one measured call asks for.</summary>
    public const int Flows = 1024;

    private readonly FlowKey[] _flows = new FlowKey[Flows];
    private FirewallRuleSet _rules = null!;

    /// <summary>Number of rules.</summary>
    [Params(10, 100, 1000)]
    public int Rules { get; set; }

    /// <summary>Compiles the rules.</summary>
    [GlobalSetup]
    public void Setup()
    {
        // Networks with ports, as people write them; all but the last for elsewhere.
        IEnumerable<string> rules = Enumerable.Range(1, Rules - 1).Select(i => $"action=accept dst4=10.{i / 256}.{i % 256}.0/24 proto=tcp dstports={i}-{i + 10}").Append("action=accept");
        _rules = new([.. rules.Select(FirewallRule.Parse)], new(), []);
        for (int i = 0; i < Flows; i++)
        {
            _flows[i] = new(FlowFrames.Ip("10.137.0.5"), IpAddress.FromIPv4(0x5db8_d800 + (uint)i), 40_000, 443, FlowFrames.Tcp);
        }
    }

    /// <summary>Asks.</summary>
    [Benchmark(OperationsPerInvoke = Flows)]
    public long Match()
    {
        long allowed = 0;
        foreach (ref readonly FlowKey flow in _flows.AsSpan())
        {
            allowed += _rules.Allows(flow, 0, isToQube: false, new(0, 1)) ? 1 : 0;
        }

        return allowed == Flows ? allowed : throw new InvalidOperationException($"{allowed} of {Flows} flows were allowed");
    }
}
