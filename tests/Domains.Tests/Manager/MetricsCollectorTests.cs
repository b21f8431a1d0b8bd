using System.Diagnostics.Metrics;
using Makatea.Domains.Manager;

namespace Makatea.Domains.Tests.Manager;

public class MetricsCollectorTests
{
    private static Dictionary<string, double> Collect(MetricsCollector collector, string meter) =>
        collector.Collect().Where(s => s.Meter == meter).ToDictionary(s => $"{s.Name}{string.Concat(s.Tags.Select(t => $" {t.Key}={t.Value}"))}", s => s.Value);

    [Fact]
    public void Collects_what_our_meters_count()
    {
        string name = $"Makatea.Tests.{Guid.NewGuid()}";
        using var collector = new MetricsCollector();
        using var meter = new Meter(name);
        long reads = 3;
        meter.CreateObservableCounter("reads", () => new Measurement<long>[] { new(reads, new KeyValuePair<string, object?>("queue", 0)), new(7, new KeyValuePair<string, object?>("queue", 1)) });
        Counter<int> restarts = meter.CreateCounter<int>("restarts");
        restarts.Add(2);
        restarts.Add(3);
        Assert.Equal(new() { ["reads queue=0"] = 3, ["reads queue=1"] = 7, ["restarts"] = 5 }, Collect(collector, name));
        reads = 4;
        restarts.Add(1);
        Assert.Equal(new() { ["reads queue=0"] = 4, ["reads queue=1"] = 7, ["restarts"] = 6 }, Collect(collector, name));
    }

    [Fact]
    public void Forgets_meters_that_ended_and_ignores_those_of_others()
    {
        string name = $"Makatea.Tests.{Guid.NewGuid()}";
        using var collector = new MetricsCollector();
        using var other = new Meter("Other");
        other.CreateObservableCounter("x", () => 1);
        using (var meter = new Meter(name))
        {
            meter.CreateObservableCounter("x", () => 1);
            Assert.Single(Collect(collector, name));
        }

        Assert.DoesNotContain(collector.Collect(), s => s.Meter == name || s.Meter == "Other");
    }
}
