using System.Diagnostics;
using Makatea.Domains.Manager;
using Makatea.Domains.Net;
using Makatea.Tests.Net;

namespace Makatea.Domains.Tests.Net;

/// <summary>Net domains between kernels of Linux.</summary>
[Trait("Category", "Long")]
public sealed class NetDomainTests
{
    private const string Work4 = "10.137.0.17";

    [SkippableFact]
    public void A_client_gets_out_through_nat_and_nobody_gets_in()
    {
        using var bed = new NetDomainBed(NetDomainBed.Qube("work", 17), NetDomainBed.Qube("vault", 18));
        NetBed work = bed.Clients["work"].Kernel;
        Ping(work, NetDomainBed.Outside4);
        Ping(work, NetDomainBed.Outside6);
        Ping(work, "10.137.0.1");

        // Not each other, and not from outside.
        Assert.Throws<Xunit.Sdk.TrueException>(() => Ping(work, "10.137.0.18"));
        NetBed.Ip("-n", bed.Outside.Name, "route", "add", $"{Work4}/32", "via", "192.0.2.7");
        Assert.Throws<Xunit.Sdk.TrueException>(() => Ping(bed.Outside, Work4));
    }

    [SkippableTheory]
    [InlineData(NetDomainBed.Outside4)]
    [InlineData(NetDomainBed.Outside6)]
    public void Streams_arrive_whole_both_ways(string server)
    {
        NetBed.Require("iperf3", "iperf3");
        using var bed = new NetDomainBed(NetDomainBed.Qube("work", 17));
        bed.Serve("iperf3", "-s");
        NetBed work = bed.Clients["work"].Kernel;
        Assert.Contains("iperf Done", work.Exec("iperf3", "-c", server, "-n", "100M"));
        Assert.Contains("iperf Done", work.Exec("iperf3", "-c", server, "-n", "100M", "-R"));
    }

    [SkippableFact]
    public void Rules_hold_and_change_while_connections_go_on()
    {
        NetBed.Require("iperf3", "iperf3");
        using var bed = new NetDomainBed(NetDomainBed.Qube("work", 17, "action=accept proto=tcp dstports=5201-5201", "action=drop"));
        bed.Serve("iperf3", "-s");
        bed.Serve("busybox", "httpd", "-f", "-p", "80", "-h", "/");
        NetBed work = bed.Clients["work"].Kernel;
        Assert.Throws<Xunit.Sdk.TrueException>(() => work.Exec("busybox", "nc", "-w", "2", NetDomainBed.Outside4, "80", "-e", "true"));
        using Process stream = work.Start("iperf3", "-c", NetDomainBed.Outside4, "-t", "4");
        Thread.Sleep(1000);
        bed.Domain.SetRulesAsync("work", ["action=accept proto=tcp dstports=5201-5201", "action=accept proto=tcp dstports=80-80"]).Wait();
        work.Exec("busybox", "nc", "-w", "2", NetDomainBed.Outside4, "80", "-e", "true");
        Assert.Contains("iperf Done", stream.StandardOutput.ReadToEnd());
        Assert.Contains("rule 1 of 'work'", Assert.Throws<AggregateException>(() => bed.Domain.SetRulesAsync("work", ["action=maybe"]).Wait()).Message);
        Assert.Contains("did you mean 'work'?", Assert.Throws<AggregateException>(() => bed.Domain.SetRulesAsync("wrok", []).Wait()).Message);
    }

    [SkippableFact]
    public void A_spoofed_packet_is_dropped_and_counted()
    {
        using var bed = new NetDomainBed(NetDomainBed.Qube("work", 17));
        NetBed work = bed.Clients["work"].Kernel;
        NetBed.Ip("-n", work.Name, "addr", "add", "10.137.0.99/32", "dev", "eth0");
        Ping(work, NetDomainBed.Outside4);
        Assert.Equal(0, Drops(bed, "work", "spoofed-ipv4"));
        Assert.Throws<Xunit.Sdk.TrueException>(() => work.Exec("busybox", "ping", "-c", "2", "-W", "1", "-I", "10.137.0.99", NetDomainBed.Outside4));
        Assert.Equal(2, Drops(bed, "work", "spoofed-ipv4"));
        NetBed.Ip("-n", work.Name, "link", "set", "eth0", "address", "00:16:3e:5e:6c:99");
        Assert.Throws<Xunit.Sdk.TrueException>(() => Ping(work, NetDomainBed.Outside4));
        Assert.NotEqual(0, Drops(bed, "work", "spoofed-mac"));
    }

    [SkippableFact]
    public void A_published_port_leads_to_its_client_over_restarts()
    {
        using var bed = new NetDomainBed(NetDomainBed.Qube("work", 17) with { Published = [new(false, 8080, 80)] });
        using Process server = bed.Clients["work"].Kernel.Start("busybox", "httpd", "-f", "-p", "80", "-h", "/etc");
        Thread.Sleep(500);
        Assert.Contains("root", bed.Outside.Exec("busybox", "wget", "-q", "-O", "-", "http://192.0.2.7:8080/passwd"));
        bed.Restart();
        Assert.Contains("root", bed.Outside.Exec("busybox", "wget", "-q", "-O", "-", "http://192.0.2.7:8080/passwd"));
        server.Kill(entireProcessTree: true);
        server.WaitForExit();
    }

    [SkippableFact]
    public void A_stream_goes_on_when_the_domain_is_started_again()
    {
        NetBed.Require("iperf3", "iperf3");
        using var bed = new NetDomainBed(NetDomainBed.Qube("work", 17));
        bed.Serve("iperf3", "-s");
        using Process stream = bed.Clients["work"].Kernel.Start("timeout", "40", "iperf3", "-c", NetDomainBed.Outside4, "-t", "6", "-i", "1");
        Thread.Sleep(2000);
        var away = Stopwatch.StartNew();
        bed.Restart();
        away.Stop();
        string output = stream.StandardOutput.ReadToEnd();
        Assert.True(output.Contains("iperf Done", StringComparison.Ordinal), $"away for {away.ElapsedMilliseconds} ms; dropped: {AllDrops()}\n{output}");
    }

    [SkippableFact]
    public void Names_are_answered_and_rules_for_names_let_pass_what_they_resolve_to()
    {
        NetBed.Require("dnsmasq", "dnsmasq-base");
        using var bed = new NetDomainBed(NetDomainBed.Qube("work", 17, "action=accept specialtarget=dns", "action=accept dsthost=web.example proto=tcp dstports=80-80", "action=drop"));
        bed.Serve("dnsmasq", "-k", "-C", "/dev/null", "--no-hosts", "--no-resolv", "--port=53", $"--listen-address={NetDomainBed.Outside4}", "--bind-interfaces", $"--host-record=web.example,{NetDomainBed.Outside4},{NetDomainBed.Outside6}", "-u", "root");
        bed.Serve("busybox", "httpd", "-f", "-p", "80", "-h", "/etc");
        NetBed work = bed.Clients["work"].Kernel;

        // That the server was not there when the rule was asked for is remembered for some seconds.
        Eventually(() => Assert.Contains(NetDomainBed.Outside4, work.Exec("busybox", "nslookup", "web.example", "10.139.1.1")));
        Eventually(() => Assert.Contains("root", work.Exec("busybox", "wget", "-q", "-O", "-", $"http://{NetDomainBed.Outside4}/passwd")));
        Assert.Throws<Xunit.Sdk.TrueException>(() => Ping(work, NetDomainBed.Outside4));
        Assert.NotEqual(0, Drops(bed, "work", "rejected"));
    }

    [SkippableFact]
    public void Links_go_down_and_come_back()
    {
        using var bed = new NetDomainBed(NetDomainBed.Qube("work", 17));
        NetBed work = bed.Clients["work"].Kernel;
        Ping(work, NetDomainBed.Outside4);
        bed.Domain.SetLink("work", isAttached: false);
        Assert.Throws<Xunit.Sdk.TrueException>(() => Ping(work, NetDomainBed.Outside4));
        bed.Domain.SetLink("work", isAttached: true);
        Ping(work, NetDomainBed.Outside4);
    }

    [SkippableFact]
    public void The_uplink_gets_its_address_by_dhcp()
    {
        NetBed.Require("dnsmasq", "dnsmasq-base");
        using var bed = new NetDomainBed(u => u with { Address4 = null, Gateway4 = null, NameServers = [] }, NetDomainBed.Qube("work", 17));
        bed.Serve(
            "dnsmasq", "-k", "-C", "/dev/null", "--no-hosts", "--no-resolv", "--port=53", "--interface=out", "--bind-interfaces", "--dhcp-range=192.0.2.50,192.0.2.60,1h", "--dhcp-authoritative", "-u", "root",
            $"--host-record=web.example,{NetDomainBed.Outside4},{NetDomainBed.Outside6}", $"--dhcp-leasefile=/tmp/{bed.Outside.Name}.leases");
        NetBed work = bed.Clients["work"].Kernel;
        Eventually(() => Ping(work, NetDomainBed.Outside4));
        Assert.Contains(NetDomainBed.Outside4, work.Exec("busybox", "nslookup", "web.example", "10.139.1.1"));
        File.Delete($"/tmp/{bed.Outside.Name}.leases");
    }

    private static void Eventually(Action action)
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                action();
                return;
            }
            catch (Xunit.Sdk.XunitException) when (patience.Elapsed < TimeSpan.FromSeconds(20))
            {
                Thread.Sleep(500);
            }
        }
    }

    private static void Ping(NetBed from, string to) => from.Exec("busybox", "ping", "-c", "2", "-W", "2", to);

    private static string AllDrops()
    {
        using var metrics = new MetricsCollector();
        return string.Join(", ", metrics.Collect().Where(s => s.Name == NetMetrics.Drops && s.Value > 0).Select(s => $"{s.Tags[NetMetrics.Port]} {s.Tags[NetMetrics.Reason]} {s.Value}"));
    }

    private static long Drops(NetDomainBed bed, string port, string reason)
    {
        _ = bed;
        using var metrics = new MetricsCollector();
        return (long)metrics.Collect().Where(s => s.Name == NetMetrics.Drops && s.Tags[NetMetrics.Port] == port && s.Tags[NetMetrics.Reason] == reason).Sum(s => s.Value);
    }
}
