using System.Diagnostics.Metrics;

namespace Makatea.Virtio.Block;

/// <summary>
/// Publishes the counters of a block device through System.Diagnostics.Metrics: meter <c>Makatea.Virtio.Block</c>, each measurement tagged
/// with device and queue. Nothing is counted twice; the instruments read the counters when somebody collects.
/// </summary>
internal sealed class VirtioBlockMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Makatea.Virtio.Block";

    private readonly Meter _meter = new(MeterName);
    private readonly BlockCounters[] _counters;
    private readonly KeyValuePair<string, object?>[][] _tags;

    public VirtioBlockMetrics(string device, BlockCounters[] counters)
    {
        _counters = counters;
        _tags = [.. counters.Select((_, queue) => new KeyValuePair<string, object?>[] { new("device", device), new("queue", queue) })];
        Add("reads", "{request}", "Reads that ended well", c => c.Reads);
        Add("read_bytes", "By", "Bytes read", c => c.ReadBytes);
        Add("writes", "{request}", "Writes that ended well", c => c.Writes);
        Add("written_bytes", "By", "Bytes written", c => c.WrittenBytes);
        Add("flushes", "{request}", "Flushes that ended well", c => c.Flushes);
        Add("stable_writes", "{request}", "Writes that a flush of ours followed before they ended, because the driver's write cache is off", c => c.StableWrites);
        Add("discards", "{request}", "Discards, zeroes written and secure erases that ended well", c => c.Discards);
        Add("errors", "{request}", "Requests that ended with an error", c => c.Errors);
        Add("kicks", "{kick}", "Times that the driver woke the queue", c => c.Loop.Kicks);
        Add("calls", "{call}", "Times that the driver was notified", c => c.Loop.Calls);
        Add("batches", "{batch}", "Batches of requests finished", c => c.Loop.Batches);
        Add("sleeps", "{sleep}", "Times that the queue went to sleep", c => c.Loop.Sleeps);
        Add("faults", "{fault}", "Times that the driver broke the ring", c => c.Loop.Faults);
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private void Add(string name, string unit, string description, Func<BlockCounters, long> read) =>
        _meter.CreateObservableCounter(name, () => _counters.Select((c, queue) => new Measurement<long>(read(c), _tags[queue])), unit, description);
}
