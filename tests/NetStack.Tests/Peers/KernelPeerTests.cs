using System.Diagnostics;
using System.Text.Json;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

/// <summary>Linux decides whether the router is one: its stack is at all ends.</summary>
public sealed class KernelPeerTests
{
    [SkippableFact]
    public void Pings_pass_whole_and_in_fragments()
    {
        NetBed.Require("busybox", "busybox");
        using var bed = new KernelBed();
        foreach (string size in (string[])["56", "1472", "4000", "30000"])
        {
            Ping(bed, bed.Qubes[0], KernelBed.Server4, size);
            Ping(bed, bed.Qubes[0], KernelBed.Server6, size);
            Ping(bed, bed.Qubes[1], RouterBed.Gateway4, size);
            Ping(bed, bed.Qubes[1], RouterBed.Gateway6 + "%q", size);
        }
    }

    [SkippableFact]
    public void Qubes_do_not_reach_each_other_and_a_rule_lets_one()
    {
        NetBed.Require("busybox", "busybox");
        using var bed = new KernelBed($"action=accept dst4={RouterBed.Qubes4[1]}/32;action=accept");
        Ping(bed, bed.Qubes[0], RouterBed.Qubes4[1], "56");
        using Process ping = bed.Qubes[1].Start("busybox", "ping", "-c", "2", "-W", "1", RouterBed.Qubes4[0]);
        ping.WaitForExit();
        Assert.NotEqual(0, ping.ExitCode);

        // Nor do they see of each other that they are there.
        Assert.DoesNotContain(RouterBed.Macs[1].ToString(), NetBed.Ip("-n", bed.Qubes[0].Name, "neigh"), StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>With all that can be left to the other end, and with nothing.</summary>
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Streams_pass_both_ways(bool hasOffloads)
    {
        NetBed.Require("iperf3", "iperf3");
        NetBed.Require("ethtool", "ethtool");
        using var bed = new KernelBed();
        if (!hasOffloads)
        {
            bed.Qubes[0].Exec("ethtool", "-K", "q", "tx", "off", "tso", "off", "gso", "off");
            bed.Outside.Exec("ethtool", "-K", "out", "tx", "off", "tso", "off", "gso", "off");
        }

        Stream(bed, 16);
        long before = bed.Allocated;
        Stream(bed, 64);

        // Nothing for a hundred thousand frames and more. That it is asked costs some, of which a collection counts the whole piece of the heap that the thread got for it.
        Assert.InRange(bed.Allocated - before, 0, 64 << 10);
    }

    /// <summary>The uplink carries less than the qube's link: the qube is told, and sends smaller packets ([RFC 1191], [RFC 8201]).</summary>
    [SkippableFact]
    public void Senders_learn_what_the_path_carries()
    {
        NetBed.Require("iperf3", "iperf3");
        using var bed = new KernelBed();
        NetBed.Ip("-n", bed.Outside.Name, "link", "set", "out", "mtu", "1300");
        Assert.True(SpinWait.SpinUntil(() => bed.On(() => bed.Router.Plane.Port(0)!.Info.Mtu) == 1300, TimeSpan.FromSeconds(10)), "the port's MTU did not change");

        // The server says nothing of it in its handshake, as one that is further away.
        NetBed.Ip("-n", bed.Outside.Name, "route", "replace", "192.0.2.0/24", "dev", "out", "advmss", "1460");
        NetBed.Ip("-n", bed.Outside.Name, "-6", "route", "replace", "2001:db8::/64", "dev", "out", "advmss", "1440");
        Stream(bed, 16);
        Assert.Contains("TooBig", bed.Drops(), StringComparison.Ordinal);
        Assert.Contains("mtu 1300", NetBed.Ip("-n", bed.Qubes[0].Name, "route", "get", KernelBed.Server4), StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Routes_are_traced()
    {
        NetBed.Require("busybox", "busybox");
        using var bed = new KernelBed();
        string trace = bed.Qubes[0].Exec("busybox", "traceroute", "-n", "-q", "1", "-w", "2", KernelBed.Server4);
        Assert.Matches($@"1  {RouterBed.Gateway4} [\s\S]*2  {KernelBed.Server4} ", trace.Replace("\r", "", StringComparison.Ordinal));
    }

    private static void Ping(KernelBed bed, NetBed from, string address, string size)
    {
        using Process ping = from.Start("busybox", ["ping", .. address.Contains(':', StringComparison.Ordinal) ? new[] { "-6" } : [], "-c", "3", "-i", "0.2", "-W", "3", "-s", size, address]);
        string output = ping.StandardOutput.ReadToEnd();
        ping.WaitForExit();
        Assert.True(output.Contains("3 packets received", StringComparison.Ordinal), $"{address}, {size} bytes: {output}\n{bed.Drops()}");
    }

    private static void Stream(KernelBed bed, long mebibytes)
    {
        using Process server = bed.Outside.Start("iperf3", "-s");
        try
        {
            foreach (string[] how in (string[][])[[], ["-R"], ["-6"], ["-6", "-R"]])
            {
                Thread.Sleep(500);
                string target = how.Contains("-6") ? KernelBed.Server6 : KernelBed.Server4;
                using JsonDocument result = JsonDocument.Parse(bed.Qubes[0].Exec("iperf3", ["-c", target, "-n", $"{mebibytes}M", "-J", .. how]));
                JsonElement end = result.RootElement.GetProperty("end");
                long received = end.GetProperty("sum_received").GetProperty("bytes").GetInt64();

                // Its count ends with the sender's clock, when some is on its way still.
                Assert.True(received >= mebibytes << 19, $"{string.Join(' ', how)}: {received} bytes arrived; {bed.Drops()}");
            }
        }
        finally
        {
            server.Kill(entireProcessTree: true);
            server.WaitForExit();
        }
    }
}
