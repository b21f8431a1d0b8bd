namespace Makatea.Benchmarks.Net;

/// <summary>Runs every benchmark of connection tracking and of the firewall, and counts what its thread allocates.</summary>
internal static class NatGate
{
    /// <returns>Exit status: 0 where nothing was allocated.</returns>
    public static int Run()
    {
        var check = new AllocationCheck("NAT");
        foreach (bool isIPv6 in (bool[])[false, true])
        {
            var tracker = new TrackerBenchmark { IsIPv6 = isIPv6, Connections = 4096 };
            tracker.Setup();
            string family = isIPv6 ? "IPv6" : "IPv4";
            check.Add($"{family}, {nameof(tracker.Established)}", 2 * TrackerBenchmark.Packets, tracker.Established);
            check.Add($"{family}, {nameof(tracker.New)}", TrackerBenchmark.Packets, tracker.New);
            tracker.Cleanup();
        }

        var firewall = new FirewallBenchmark { Rules = 1000 };
        firewall.Setup();
        check.Add(nameof(firewall.Match), FirewallBenchmark.Flows, firewall.Match);
        return check.Conclude();
    }
}
