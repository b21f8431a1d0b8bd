namespace Makatea.NetStack;

/// <summary>A token bucket: so many a second in the long run, and a burst of what was not used. One comparison and some arithmetic a taking; whole numbers, exact over any time.</summary>
internal struct RateLimit
{
    private const long Scale = 1000;

    private readonly long _rate;
    private readonly long _full;
    private long _level;
    private long _last;

    /// <summary>Makes a full one.</summary>
    /// <param name="perSecond">The rate; 0 for no limit.</param>
    /// <param name="burst">Most that is taken at once.</param>
    /// <param name="now">The time in milliseconds.</param>
    public RateLimit(long perSecond, long burst, long now)
    {
        // A thousandth of each token for each millisecond.
        _rate = Math.Min(perSecond, long.MaxValue / (Scale * Scale));
        _full = Math.Min(burst, long.MaxValue / (4 * Scale)) * Scale;
        _level = _full;
        _last = now;
    }

    /// <summary>Takes tokens where there is one at least; what is missing of more is owed.</summary>
    /// <returns>False where there is none; then nothing is taken.</returns>
    public bool TryTake(long tokens, long now)
    {
        if (_rate == 0)
        {
            return true;
        }

        if (now != _last)
        {
            long missing = _full - _level;
            long elapsed = now - _last;
            _level = elapsed > missing / _rate ? _full : _level + (elapsed * _rate);
            _last = now;
        }

        if (_level <= 0)
        {
            return false;
        }

        _level -= tokens * Scale;
        return true;
    }
}
