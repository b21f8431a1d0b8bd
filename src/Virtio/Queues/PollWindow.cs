namespace Makatea.Virtio;

/// <summary>
/// Decides how long an idle queue polls before it sleeps: long enough to catch a driver that comes back at once, and not
/// at all for one that does not. Grows when a sleep turned out shorter than polling would have been worth, shrinks when it was longer, as
/// KVM's halt polling does.
/// </summary>
internal struct PollWindow(long maximum)
{
    private readonly long _maximum = maximum;
    private long _window = maximum / 8;
    private long _idleSince;
    private uint _turns;

    /// <summary>The queue found nothing to do.</summary>
    /// <returns>Whether to look again without sleeping.</returns>
    public bool GoOn()
    {
        // The clock costs as much as several looks at the ring.
        if (_turns++ == 0)
        {
            _idleSince = TimeProvider.System.GetTimestamp();
            return _window != 0;
        }

        if ((_turns & 15) != 0)
        {
            return true;
        }

        return TimeProvider.System.GetTimestamp() - _idleSince < _window;
    }

    /// <summary>The queue found something.</summary>
    public void Busy() => _turns = 0;

    /// <summary>The queue slept until it was woken.</summary>
    public void Slept()
    {
        long slept = TimeProvider.System.GetTimestamp() - _idleSince;
        _window = slept <= _maximum ? Math.Min(_maximum, Math.Max(_window * 2, _maximum / 8)) : _window / 2;
        _turns = 0;
    }
}
