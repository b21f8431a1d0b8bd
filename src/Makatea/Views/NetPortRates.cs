namespace Makatea.Views;

/// <summary>What a port does a second, in packets and bits.</summary>
internal readonly record struct NetPortRate(double SentPackets, double SentBits, double ReceivedPackets, double ReceivedBits, double Drops);

/// <summary>Rates of ports, from how their counters move.</summary>
internal sealed class NetPortRates(TimeProvider clock)
{
    private const int Bits = 8;

    /// <summary>Counters arrive once a second: over less than that, rates would jump.</summary>
    private static readonly TimeSpan _window = TimeSpan.FromSeconds(2);

    private readonly Queue<(long At, Dictionary<string, NetPortReport> Ports)> _history = new();

    /// <summary>Takes note of the ports.</summary>
    /// <returns>Their rates over the last seconds, by key.</returns>
    public IReadOnlyDictionary<string, NetPortRate> Update(IReadOnlyList<NetPortReport> ports)
    {
        long now = clock.GetTimestamp();
        var known = ports.ToDictionary(p => p.Key);
        _history.Enqueue((now, known));
        while (_history.Count > 2 && clock.GetElapsedTime(_history.Peek().At, now) > _window)
        {
            _history.Dequeue();
        }

        (long at, Dictionary<string, NetPortReport> before) = _history.Peek();
        double seconds = clock.GetElapsedTime(at, now).TotalSeconds;
        return known.ToDictionary(p => p.Key, p => seconds > 0 && before.TryGetValue(p.Key, out NetPortReport? b) ? RateOf(b, p.Value, seconds) : default);
    }

    /// <summary>A component that was killed takes with it what it counted last, so counters can go back a little: that is no rate.</summary>
    private static NetPortRate RateOf(NetPortReport before, NetPortReport now, double seconds)
    {
        return new(
            Rate(now.SentPackets - before.SentPackets), Bits * Rate(now.SentBytes - before.SentBytes),
            Rate(now.ReceivedPackets - before.ReceivedPackets), Bits * Rate(now.ReceivedBytes - before.ReceivedBytes),
            Rate(now.Drops.Values.Sum() - before.Drops.Values.Sum()));

        double Rate(long moved) => Math.Max(0, moved) / seconds;
    }
}
