using Makatea.Domains.Manager;
using Makatea.Domains.Net;
using Makatea.Running;
using Makatea.Systems;
using Makatea.Views;

namespace Makatea.Tests.Views;

public class NetPortTableTests
{
    private sealed class Clock : TimeProvider
    {
        public long Now { get; set; }

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Now;
    }

    private static MetricSample Sample(string name, double value, string port, string? tag = null, string? of = null) => new(
        NetMetrics.MeterName, name, null, tag is null ? new Dictionary<string, string> { [NetMetrics.Port] = port } : new Dictionary<string, string> { [NetMetrics.Port] = port, [tag] = of! }, value);

    private static SystemStatus Status(PortCounters web, PortCounters uplink) => new(
        "demo", "/demo.yaml", 1, DateTimeOffset.UnixEpoch, "tcg",
        [new DomainStatus("net", "net", PartState.Running, null, 7, 0, "/log", [], [], [], []) { Uplink = new("tap mk0", true, uplink) }],
        [new QubeStatus("web", Label.Red, PartState.Running, null, 1, 1, 1, "", "", "", []) { Net = new("web", "net", "10.137.0.17", "", "", true, null, web) }]);

    [Fact]
    public void Counters_are_those_of_a_port_and_add_up_over_restarts()
    {
        MetricSample[] samples =
        [
            Sample(NetMetrics.Packets, 3, "web", NetMetrics.Direction, NetMetrics.Received), Sample(NetMetrics.Bytes, 300, "web", NetMetrics.Direction, NetMetrics.Received),
            Sample(NetMetrics.Packets, 5, "web", NetMetrics.Direction, NetMetrics.Sent), Sample(NetMetrics.Bytes, 500, "web", NetMetrics.Direction, NetMetrics.Sent),
            Sample(NetMetrics.Drops, 2, "web", NetMetrics.Reason, "spoofed"), Sample(NetMetrics.Drops, 0, "web", NetMetrics.Reason, "malformed"),
            Sample(NetMetrics.Connections, 4, "web"), Sample(NetMetrics.Link, 0, "web"),
            Sample(NetMetrics.Packets, 1000, "other", NetMetrics.Direction, NetMetrics.Received),
            new("Makatea.Virtio.Net", NetMetrics.Packets, null, new Dictionary<string, string> { [NetMetrics.Port] = "web", [NetMetrics.Direction] = NetMetrics.Received }, 77),
        ];
        var counters = PortCounters.Of(samples, "web");
        Assert.Equal((3, 300, 5, 500, 4), (counters.ReceivedPackets, counters.ReceivedBytes, counters.SentPackets, counters.SentBytes, counters.Connections));
        Assert.Equal([KeyValuePair.Create("spoofed", 2L)], counters.Drops);
        Assert.Equal(["web", "other"], PortCounters.PortsOf(samples));
        Assert.Equal((false, null), (PortCounters.LinkOf(samples, "web"), PortCounters.LinkOf(samples, "other")));
        PortCounters sum = counters + counters with { Connections = 0, Drops = new Dictionary<string, long> { ["spoofed"] = 1, ["rejected"] = 9 } };
        Assert.Equal((6, 4, 12), (sum.ReceivedPackets, sum.Connections, sum.Dropped));
        Assert.Equal((3, 9), (sum.Drops["spoofed"], sum.Drops["rejected"]));
    }

    [Fact]
    public void What_the_domain_received_the_qube_sent()
    {
        SystemStatus status = Status(new(3, 300, 5, 500, 4, new Dictionary<string, long>()), new(7, 700, 9, 900, 0, new Dictionary<string, long>()));
        NetPortReport[] ports = [.. NetPortReport.Of(status)];
        Assert.Equal(("uplink", 9, 900, 7, 700), (ports[0].Kind, ports[0].SentPackets, ports[0].SentBytes, ports[0].ReceivedPackets, ports[0].ReceivedBytes));
        Assert.Equal(("web", 3, 300, 5, 500), (ports[1].Name, ports[1].SentPackets, ports[1].SentBytes, ports[1].ReceivedPackets, ports[1].ReceivedBytes));
    }

    [Fact]
    public void Rates_are_of_the_last_seconds_and_never_below_zero()
    {
        var clock = new Clock();
        var rates = new NetPortRates(clock);
        PortCounters none = PortCounters.Zero;
        NetPortReport Web(long packets, long bytes) => NetPortReport.Of(Status(new(packets, bytes, 0, 0, 0, new Dictionary<string, long> { ["spoofed"] = packets }), none)).Last();
        Assert.Equal(default, rates.Update([Web(0, 0)]).Values.Single());
        clock.Now = 2;
        Assert.Equal(new NetPortRate(100, 80_000, 0, 0, 100), rates.Update([Web(200, 20_000)]).Values.Single());
        clock.Now = 3;
        Assert.Equal(new NetPortRate(0, 0, 0, 0, 0), rates.Update([Web(10, 10)]).Values.Single());
    }

    [Fact]
    public void The_table_says_why_packets_were_dropped()
    {
        var drops = new Dictionary<string, long> { ["spoofed"] = 7, ["rejected"] = 30, ["malformed"] = 1, ["rate limit"] = 2 };
        NetPortReport[] ports = [.. NetPortReport.Of(Status(new(1, 1_572_864, 0, 0, 12, drops), PortCounters.Zero))];
        using var output = new StringWriter();
        StatusTable.ConsoleFor(output).Write(NetPortTable.Render(ports, rates: null));
        string row = output.ToString().Split('\n').Single(l => l.Contains("10.137.0.17", StringComparison.Ordinal));
        Assert.Matches(@"web .* up .* 1 .* 1\.5M .* 12 .* 40 .*30 rejected, 7 spoofed, 2 rate limit, \.\.\.", row);
        Assert.Equal(("999", "1K", "1.5M", "12G"), (NetPortTable.Amount(999, 1000), NetPortTable.Amount(1000, 1000), NetPortTable.Amount(1_500_000, 1000), NetPortTable.Amount(12_000_000_000, 1000)));
    }
}
