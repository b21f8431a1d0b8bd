using System.Globalization;
using Makatea.NetTraffic;
using Xunit.Abstractions;

namespace Makatea.EndToEnd;

/// <summary>Net domains that are killed while guests use them.</summary>
[Trait("Category", "Guest")]
public sealed class NetRestartTests(ITestOutputHelper output)
{
    private const long Length = 128L << 20;
    private const string Chain = "  firewall: {kind: net, uplink: {netvm: net}}";

    /// <summary>What an emulated guest on a busy machine may take to see its net domain again; what it takes is printed.</summary>
    private const double MostSeconds = 10;

    [SkippableFact]
    public void Streams_go_on_over_the_death_of_either_domain_of_a_chain()
    {
        using var system = NetSystem.Start(hasVeth: false, Chain, new NetQube("work", "firewall"));
        system.Configure("work");

        // Slow enough to last: the guest's own queue holds it to 200 Mbit/s.
        system.Run("work", "modprobe sch_netem && /bin/tc qdisc replace dev eth0 root netem rate 200mbit");
        ulong seed = 0;
        foreach (string victim in new[] { "net", "firewall" })
        {
            seed++;
            system.Begin("work", "upload", $"nettraffic send {NetSystem.Outside4} {StreamServer.Port} {seed} {Length}");
            system.Begin("work", "probe", $"nettraffic probe {NetSystem.Outside4} {StreamServer.Port} 8");
            Deadline.Wait("the stream", 30, () => system.Server.Has(seed) && system.Server[seed].Done > 0);
            long before = system.Server[seed].Done;
            TimeSpan away = system.Kill(victim);
            StreamEnd stream = system.Server[seed];
            string probe = system.Finish("work", "probe");
            string upload = system.Finish("work", "upload", 300);
            output.WriteLine($"{victim}: running again after {away.TotalMilliseconds:0} ms as 'makatea ls' sees it; {probe}");
            output.WriteLine($"{upload}; {before} bytes before; the receiver's longest gap was {stream.LongestGap.TotalMilliseconds:0} ms");
            Assert.InRange(before, 1, Length - 1);
            Assert.Equal($"bytes {Length}", upload[..upload.IndexOf(" ms", StringComparison.Ordinal)]);
            Assert.Empty(system.Server.Faults);
            string[] words = probe.Split(' ');
            Assert.InRange(double.Parse(words[5], CultureInfo.InvariantCulture), 0, MostSeconds * 1000);

            // The guest saw its link go and come.
            Assert.Equal("1", system.Run("work", "cat /sys/class/net/eth0/carrier"));
        }
    }
}
