using System.Globalization;
using System.Text.Json.Nodes;
using Xunit.Abstractions;

namespace Makatea.EndToEnd;

/// <summary>
/// One qube floods, another works. Where guests are emulated, a qube that sends as fast as it can takes processors from the other before it takes the network. So the worker is compared with itself beside the same flood
/// with a wrong Ethernet address: it costs the neighbour's guest, its QEMU and our rings the same, and the domain drops it before it looks at anything else. What a flood takes on top of that is what
/// the domain lets it do: in tables, in answers, at the uplink. How turns are shared between ports whatever the machine does is in FairnessTests of NetStack.
/// </summary>
[Trait("Category", "Guest")]
public sealed class IsolationTests(ITestOutputHelper output)
{
    private const long Length = 64 << 20;

    /// <summary>Both sides of a comparison are taken one after the other, and others may use the machine meanwhile: what is asked for has to hold once.</summary>
    private const int Attempts = 5;

    /// <summary>A quarter of the domain's table, which has 65536.</summary>
    private const int FlowsPerQube = 16384;

    [SkippableFact]
    public void Floods_from_one_qube_leave_another_its_share()
    {
        using var system = NetSystem.Start(hasVeth: false, "", new NetQube("work", "net"), new NetQube("hostile", "net"));
        system.Configure("work");
        system.Configure("hostile");
        output.WriteLine($"alone: {Measure(system)}");
        Sample quiet = Beside(system, "spoofed", "spoofed-mac");
        foreach ((string kind, string? drop) in new[] { ("syn", null), ("flows", null), ("arp", null), ("fragments", "lost-fragment"), ("small", null) })
        {
            Sample flooded = Beside(system, kind, drop);
            for (int i = 1; i < Attempts && !flooded.IsFairTo(quiet); i++)
            {
                quiet = Beside(system, "spoofed", "spoofed-mac");
                flooded = Beside(system, kind, drop);
            }

            Assert.True(flooded.IsFairTo(quiet), $"beside {kind}: {flooded}; beside what is dropped at once: {quiet}");
            Assert.True(flooded.Answered >= flooded.Sent * 9 / 10, $"beside {kind}: {flooded}");
        }

        Assert.Empty(system.Server.Faults);
    }

    /// <summary>Measures beside a flood, of which every frame has to be accounted for.</summary>
    private Sample Beside(NetSystem system, string kind, string? drop)
    {
        JsonNode before = system.Port("hostile");
        string source = before["where"]!.GetValue<string>();
        system.Begin("hostile", "flood", $"rm -f /tmp/stop; nettraffic flood {kind} eth0 {source} {NetSystem.Outside4} 300");
        Sample sample = Measure(system);
        string flood = system.Run("hostile", "touch /tmp/stop") + system.Finish("hostile", "flood");
        long frames = long.Parse(flood.Split(' ')[1], CultureInfo.InvariantCulture);
        JsonNode after = before;
        Deadline.Wait($"{frames} frames of {kind} among the counters of the port", 30, () => Counted(after = system.Port("hostile"), "sentPackets") - Counted(before, "sentPackets") >= frames);
        output.WriteLine($"{kind}: {sample}; {flood.Trim()}; {after["drops"]!.ToJsonString()}");
        if (drop is not null)
        {
            // A few fragments wait still for others, and counters are read one after the other.
            Assert.InRange(Counted(after["drops"]!, drop) - Counted(before["drops"]!, drop), frames - 64, frames + 64);
        }

        if (kind == "arp")
        {
            Assert.InRange(Counted(after, "receivedPackets") - Counted(before, "receivedPackets"), frames - 64, frames + 64);
        }

        Assert.InRange(Counted(after, "connections"), 0, FlowsPerQube);
        return sample;
    }

    private static Sample Measure(NetSystem system)
    {
        string server = $"{NetSystem.Outside4} {StreamServer.Port}";
        string[] probe = system.Run("work", $"nettraffic probe {server} 2").Split(' ');
        string[] stream = system.Run("work", $"nettraffic send {server} {Random.Shared.Next()} {Length}", 120).Split(' ');
        return new(Number(probe[7]), Number(stream[3]) / 1000, (int)Number(probe[1]), (int)Number(probe[3]));
    }

    private static long Counted(JsonNode counters, string name) => counters[name]?.GetValue<long>() ?? 0;

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private sealed record Sample(double Latency, double Seconds, int Sent, int Answered)
    {
        /// <summary>What the network of a qube may lose to a hostile neighbour.</summary>
        public bool IsFairTo(Sample quiet) => Latency < 3 * quiet.Latency && Seconds < 2 * quiet.Seconds && Answered >= Sent * 9 / 10;

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Latency:0} us, {Length >> 20} MiB in {Seconds:0.00} s, {Answered} of {Sent} answered");
    }
}
