namespace Makatea.Vmm;

/// <summary>
/// How a vCPU's time stamp counter relates to the clock of its guest. The counter is the processor's own, and what its frequency was told to be is off by some parts in a million, so
/// the relation rests on a sample that is at most a second old: it does not drift however long the guest runs.
/// </summary>
/// <remarks>Used by its vCPU's thread. A guest that writes its counter, or one that was moved, makes a jump: <see cref="Renew"/> follows it.</remarks>
public sealed class TscClock
{
    /// <summary>How old a sample may be, in nanoseconds.</summary>
    public const long SampleLifetime = GuestClock.Second;

    /// <summary>A sample whose reading took longer was interrupted, and is read again, in nanoseconds.</summary>
    private const long SampleTolerance = 5_000;

    private readonly GuestClock _clock;
    private readonly Func<ulong> _read;
    private long _sampleTime;
    private ulong _sampleCount;
    private int _pauses;

    /// <summary>Makes a clock, and reads the counter.</summary>
    /// <param name="clock">The guest's clock.</param>
    /// <param name="frequency">Counts a second, as the guest is told.</param>
    /// <param name="read">Reads the counter as the guest would.</param>
    public TscClock(GuestClock clock, ulong frequency, Func<ulong> read)
    {
        ArgumentNullException.ThrowIfNull(clock);
        ArgumentNullException.ThrowIfNull(read);
        ArgumentOutOfRangeException.ThrowIfZero(frequency);
        _clock = clock;
        _read = read;
        Frequency = frequency;
        Renew();
    }

    /// <summary>Counts a second, as the guest is told.</summary>
    public ulong Frequency { get; }

    /// <summary>Takes a new sample: after the counter was written.</summary>
    public void Renew()
    {
        _pauses = _clock.Pauses;
        long best = long.MaxValue;
        for (int attempt = 0; attempt < 4 && best > SampleTolerance; attempt++)
        {
            long before = _clock.Now;
            ulong count = _read();
            long took = _clock.Now - before;
            if (took < best)
            {
                best = took;
                _sampleCount = count;
                _sampleTime = before + (took / 2);
            }
        }
    }

    /// <summary>When the counter reaches a value.</summary>
    /// <param name="count">The value; the counter has 64 bits and is taken never to wrap.</param>
    /// <returns>A <see cref="GuestClock.Now"/>; <see cref="long.MaxValue"/> when that is more than centuries away.</returns>
    public long TimeOf(ulong count)
    {
        if (IsStale(_clock.Now))
        {
            Renew();
        }

        if (count <= _sampleCount)
        {
            return _sampleTime - Saturate((UInt128)(_sampleCount - count) * GuestClock.Second / Frequency, _sampleTime);
        }

        return _sampleTime + Saturate((UInt128)(count - _sampleCount) * GuestClock.Second / Frequency, long.MaxValue - _sampleTime);
    }

    /// <summary>What the counter shows now, by the clock.</summary>
    public ulong Now
    {
        get
        {
            long now = _clock.Now;
            if (IsStale(now))
            {
                Renew();
                now = _clock.Now;
            }

            return now >= _sampleTime
                ? _sampleCount + (ulong)((UInt128)(now - _sampleTime) * Frequency / GuestClock.Second)
                : _sampleCount - (ulong)((UInt128)(_sampleTime - now) * Frequency / GuestClock.Second);
        }
    }

    /// <summary>The counter may have gone on while the guest's clock stood still.</summary>
    private bool IsStale(long now) => now - _sampleTime > SampleLifetime || _pauses != _clock.Pauses;

    private static long Saturate(UInt128 value, long most) => value >= (UInt128)most ? most : (long)value;
}
