namespace Makatea.Vmm;

/// <summary>The time of a guest's devices: nanoseconds that pass while it runs, by the host's monotonic clock, and stand still while it is paused. Read from any thread.</summary>
public sealed class GuestClock
{
    /// <summary>Nanoseconds in a second.</summary>
    public const long Second = 1_000_000_000;

    private const long Running = -1;

    private readonly TimeProvider _host;
    private readonly Lock _changes = new();
    private long _origin;
    private long _pausedAt;
    private int _pauses;

    /// <summary>Makes a clock that is running.</summary>
    /// <param name="host">Timestamps alone are used of it, and its UTC for <see cref="UtcNow"/>.</param>
    /// <param name="start">What it shows at first: 0, or what a saved one showed.</param>
    public GuestClock(TimeProvider host, long start = 0)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        _host = host;
        _origin = HostNow - start;
        _pausedAt = Running;
    }

    /// <summary>Called after <see cref="Resume"/>, on its thread.</summary>
    public event Action? Resumed;

    /// <summary>What it shows, in nanoseconds; never goes back.</summary>
    public long Now => Volatile.Read(ref _pausedAt) is var paused && paused != Running ? paused : HostNow - Volatile.Read(ref _origin);

    /// <summary>Whether it stands still.</summary>
    public bool IsPaused => Volatile.Read(ref _pausedAt) != Running;

    /// <summary>How often it was paused and went on.</summary>
    public int Pauses => Volatile.Read(ref _pauses);

    /// <summary>The world's time. It goes on while a guest is paused.</summary>
    public DateTimeOffset UtcNow => _host.GetUtcNow();

    private long HostNow => _host.TimestampFrequency == Second
        ? _host.GetTimestamp()
        : (long)((Int128)_host.GetTimestamp() * Second / _host.TimestampFrequency);

    /// <summary>Stops it, unless it is stopped.</summary>
    public void Pause()
    {
        lock (_changes)
        {
            if (!IsPaused)
            {
                Volatile.Write(ref _pausedAt, HostNow - _origin);
            }
        }
    }

    /// <summary>Lets it go on from where it stopped.</summary>
    public void Resume()
    {
        lock (_changes)
        {
            if (!IsPaused)
            {
                return;
            }

            Volatile.Write(ref _pauses, _pauses + 1);
            Volatile.Write(ref _origin, HostNow - _pausedAt);
            Volatile.Write(ref _pausedAt, Running);
        }

        Resumed?.Invoke();
    }
}
