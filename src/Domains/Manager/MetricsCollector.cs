using System.Diagnostics.Metrics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Makatea.Domains.Manager;

/// <summary>Collects what this process counts in meters whose names start with <c>Makatea.</c>.</summary>
public sealed class MetricsCollector : IDisposable
{
    private const string Prefix = "Makatea.";
    private readonly MeterListener _listener = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<(Instrument Instrument, string Tags), (Dictionary<string, string> Tags, double Value)> _values = [];

    /// <summary>Starts to listen.</summary>
    public MetricsCollector()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith(Prefix, StringComparison.Ordinal))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.MeasurementsCompleted = (instrument, _) => Forget(instrument);
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Take(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Take(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>Reads all instruments.</summary>
    public IReadOnlyList<MetricSample> Collect()
    {
        lock (_lock)
        {
            _listener.RecordObservableInstruments();
            return [.. _values.Select(v => new MetricSample(v.Key.Instrument.Meter.Name, v.Key.Instrument.Name, v.Key.Instrument.Unit, v.Value.Tags, v.Value.Value))];
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    private void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var texts = new Dictionary<string, string>(tags.Length);
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            texts[tag.Key] = Convert.ToString(tag.Value, CultureInfo.InvariantCulture) ?? "";
        }

        lock (_lock)
        {
            string key = string.Join('\0', texts.Select(t => $"{t.Key}\0{t.Value}"));
            ref (Dictionary<string, string> Tags, double Value) slot = ref CollectionsMarshal.GetValueRefOrAddDefault(_values, (instrument, key), out _);

            // Observable instruments and gauges say where they stand, counters what was added.
            bool isAdded = !instrument.IsObservable && instrument.GetType() is { IsGenericType: true } type
                && (type.GetGenericTypeDefinition() == typeof(Counter<>) || type.GetGenericTypeDefinition() == typeof(UpDownCounter<>));
            slot = (texts, isAdded ? slot.Value + value : value);
        }
    }

    private void Forget(Instrument instrument)
    {
        lock (_lock)
        {
            foreach ((Instrument Instrument, string Tags) key in _values.Keys.Where(k => k.Instrument == instrument).ToArray())
            {
                _values.Remove(key);
            }
        }
    }
}
