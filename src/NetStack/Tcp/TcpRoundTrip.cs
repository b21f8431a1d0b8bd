namespace Makatea.NetStack;

/// <summary>The retransmission timeout from measured round trips ([RFC 6298] 2 and 5.5).</summary>
internal sealed class TcpRoundTrip
{
    private const int Initial = 1000;
    private const int Least = 200; // below the second of [RFC 6298] 2.4, as elsewhere: delayed acknowledgements take 40 ms here and at most 200 on other systems
    private const int Most = 60_000;
    private const int Granularity = 1;

    private int _smoothed8; // 8 times the smoothed round trip
    private int _variation4; // 4 times its variation
    private int _base = Initial;
    private int _backoff;

    /// <summary>Milliseconds after which a segment is sent again.</summary>
    internal int Timeout => (int)Math.Min((long)_base << _backoff, Most);

    /// <summary>Smoothed, in milliseconds; 0 before the first measurement.</summary>
    internal int Smoothed => _smoothed8 / 8;

    internal void Measure(int milliseconds)
    {
        milliseconds = Math.Clamp(milliseconds, 0, Most);
        if (_smoothed8 == 0 && _variation4 == 0)
        {
            (_smoothed8, _variation4) = (8 * milliseconds, 2 * milliseconds);
        }
        else
        {
            _variation4 += Math.Abs((_smoothed8 / 8) - milliseconds) - (_variation4 / 4);
            _smoothed8 += milliseconds - (_smoothed8 / 8);
        }

        _base = Math.Clamp((_smoothed8 / 8) + Math.Max(Granularity, _variation4), Least, Most);
        _backoff = 0;
    }

    /// <summary>Doubles the timeout, until the next measurement.</summary>
    internal void BackOff() => _backoff = Math.Min(_backoff + 1, 10);

    /// <summary>Ends backing off where data were acknowledged.</summary>
    internal void Recover() => _backoff = 0;
}
