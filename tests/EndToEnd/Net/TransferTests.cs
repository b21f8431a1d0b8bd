using System.Globalization;
using System.Text.RegularExpressions;
using Makatea.Tests.Net;
using Xunit.Abstractions;

namespace Makatea.EndToEnd;

/// <summary>
/// Streams between a Linux guest and Linux outside, through a net domain that <c>makatea up</c> runs; every byte is checked where it arrives. MAKATEA_TRANSFER_MIB says how many MiB each
/// has (1024 is what a release is tried with); by default fewer, as the guests of most machines that run tests are emulated.
/// </summary>
[Trait("Category", "Guest")]
public sealed partial class TransferTests(ITestOutputHelper output)
{
    private const string Netem = "delay 2ms reorder 10% 50% loss 1% duplicate 1%";
    private const string NoOffloads = "ethtool -K eth0 tx off tso off gso off gro off rx off";
    private static readonly long _length = long.Parse(Environment.GetEnvironmentVariable("MAKATEA_TRANSFER_MIB") is { Length: > 0 } mib ? mib : "64", CultureInfo.InvariantCulture) << 20;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Streams_are_whole_both_ways_over_both_protocols_with_offloads_and_without(bool hasVeth)
    {
        using var system = NetSystem.Start(hasVeth, "", new NetQube("work", "net"));
        system.Configure("work");
        long length = hasVeth ? _length / 2 : _length;
        foreach (string offloads in new[] { "on", "off" })
        {
            if (offloads == "off")
            {
                system.Run("work", NoOffloads);
                Assert.Contains("tcp-segmentation-offload: off", system.Run("work", "ethtool -k eth0"), StringComparison.Ordinal);
            }

            foreach (string server in new[] { NetSystem.Outside4, NetSystem.Outside6 })
            {
                Transfer(system, "send", server, length, $"offloads {offloads}");
                Transfer(system, "receive", server, length, $"offloads {offloads}");
            }
        }

        Assert.Empty(system.Server.Faults);
    }

    [SkippableFact]
    public void Streams_are_whole_where_the_network_loses_reorders_and_doubles()
    {
        using var system = NetSystem.Start(hasVeth: false, "", new NetQube("work", "net"));
        system.Configure("work");

        // Each packet has its own fate, in both directions: no end makes packets that another is to cut.
        system.Outside.Exec("ethtool", "-K", "outside", "tx", "off", "tso", "off", "gso", "off");
        NetBed.Ip("-n", system.Outside.Name, "link", "set", "outside", "gso_max_segs", "1");

        system.Run("work", $"""
            set -e
            {NoOffloads}
            modprobe -a sch_netem sch_ingress cls_matchall act_mirred ifb
            /bin/ip link set eth0 gso_max_segs 1
            /bin/ip link show ifb0 >/dev/null 2>&1 || /bin/ip link add ifb0 type ifb
            /bin/ip link set ifb0 up
            /bin/tc qdisc replace dev eth0 root netem {Netem}
            /bin/tc qdisc replace dev ifb0 root netem {Netem}
            /bin/tc qdisc add dev eth0 ingress
            /bin/tc filter add dev eth0 ingress matchall action mirred egress redirect dev ifb0
            """);
        foreach (string server in new[] { NetSystem.Outside4, NetSystem.Outside6 })
        {
            Transfer(system, "send", server, _length / 8, "netem");
            Transfer(system, "receive", server, _length / 8, "netem");
        }

        // The numbers are netem's own: a test without loss would be another test.
        foreach (string device in new[] { "eth0", "ifb0" })
        {
            string counters = system.Run("work", $"/bin/tc -s qdisc show dev {device} root");
            output.WriteLine($"{device}: {counters}");
            Match lost = Dropped().Match(counters);
            double share = double.Parse(lost.Groups["lost"].Value, CultureInfo.InvariantCulture) / double.Parse(lost.Groups["sent"].Value, CultureInfo.InvariantCulture);
            Assert.InRange(share, 0.004, 0.02);
        }

        Assert.Empty(system.Server.Faults);
    }

    [SkippableFact]
    public void A_path_with_a_smaller_MTU_is_discovered()
    {
        using var system = NetSystem.Start(hasVeth: true, "", new NetQube("work", "net"));
        system.Configure("work");

        // Beyond the outside is a network of another, whose link is narrow: the outside's kernel says so by ICMP.
        using var beyond = NetBed.Create();
        system.Outside.Veth("narrow", beyond, "far");
        system.Outside.Up("narrow", "198.51.100.1/24", "2001:db8:1::1/64");
        beyond.Up("far", "198.51.100.2/24", "2001:db8:1::2/64");

        // It does not tell by its MSS how narrow its link is, or there would be nothing left to discover.
        NetBed.Ip("-n", beyond.Name, "route", "add", "default", "via", "198.51.100.1", "advmss", "1460");
        NetBed.Ip("-n", beyond.Name, "-6", "route", "add", "default", "via", "2001:db8:1::1", "advmss", "1440");
        NetBed.Ip("-n", system.Outside.Name, "link", "set", "narrow", "mtu", "1300");
        NetBed.Ip("-n", beyond.Name, "link", "set", "far", "mtu", "1300");
        system.Outside.Exec("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
        using var server = new StreamServer(beyond);
        foreach (string address in new[] { "198.51.100.2", "2001:db8:1::2" })
        {
            Transfer(system, "send", address, 4 << 20, "path of 1300");
            Transfer(system, "receive", address, 4 << 20, "path of 1300");
            Assert.Contains("mtu 1300", system.Run("work", $"/bin/ip route get {address}"), StringComparison.Ordinal);
        }

        Assert.Empty(server.Faults);
    }

    private void Transfer(NetSystem system, string direction, string server, long length, string how)
    {
        string result = system.Run("work", $"nettraffic {direction} {server} {StreamServer.Port} {Random.Shared.Next()} {length}", 300 + (length >> 20));
        string[] words = result.Split(' ');
        Assert.Equal(length, long.Parse(words[1], CultureInfo.InvariantCulture));
        double seconds = double.Parse(words[3], CultureInfo.InvariantCulture) / 1000;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{direction} {server} {how}: {length >> 20} MiB in {seconds:0.0} s, {length * 8 / seconds / 1e6:0} Mbit/s"));
    }

    [GeneratedRegex(@"Sent [0-9]+ bytes (?<sent>[0-9]+) pkt \(dropped (?<lost>[0-9]+),")]
    private static partial Regex Dropped();
}
