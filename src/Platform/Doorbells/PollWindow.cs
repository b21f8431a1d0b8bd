namespace Makatea.Platform;

/// <summary>
/// Decides how long an idle loop polls before it sleeps at its doorbells: long enough to catch a peer that comes back at once, and not
/// at all for one that does not. Grows when a sleep turned out shorter than polling would have been worth, shrinks when it was longer, as
/// KVM's halt polling does.
/// </summary>
public struct PollWindow
{
    private const uint TurnsPerLook = 16;

    private readonly long _maximum;
    private long _window;
    private long _idleSince;
    private uint _turns;

    /// <summary>Makes one.</summary>
    /// <param name="maximum">The longest that is polled before a sleep; zero never polls.</param>
    public PollWindow(TimeSpan maximum)
    {
        _maximum = maximum.Ticks * (TimeProvider.System.TimestampFrequency / TimeSpan.TicksPerSecond);
        _window = _maximum / 8;
    }

    /// <summary>The loop found nothing to do.</summary>
    /// <returns>Whether to look again without sleeping.</returns>
    public bool GoOn()
    {
        // The clock costs as much as several looks at a ring, and most of the time a few of those are enough.
        uint turns = _turns++;
        if ((turns & (TurnsPerLook - 1)) != TurnsPerLook - 1 && _window != 0)
        {
            return true;
        }

        long now = TimeProvider.System.GetTimestamp();
        if (turns < TurnsPerLook)
        {
            _idleSince = now;
            return _window != 0;
        }

        return now - _idleSince < _window;
    }

    /// <summary>The loop found something.</summary>
    public void Busy() => _turns = 0;

    /// <summary>The loop slept until it was woken.</summary>
    public void Slept()
    {
        long slept = TimeProvider.System.GetTimestamp() - _idleSince;
        _window = slept <= _maximum ? Math.Min(_maximum, Math.Max(_window * 2, _maximum / 8)) : _window / 2;
        _turns = 0;
    }
}
