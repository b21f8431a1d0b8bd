using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// Another device, slowed down to so many operations and bytes per second. The limits are the device's: its queues share them and take turns, one request each,
/// however large. Requests of one queue start in the order in which they were submitted.
/// </summary>
/// <remarks>
/// No stretch of time sees more than the burst, the rate times its length, and one request for each queue, which took its tokens before. A request larger
/// than a burst waits until all of it is there and is let through; those after it wait until the rest is paid. So a small burst never stops anything.
/// </remarks>
public sealed class RateLimitDevice : BlockLayer
{
    private readonly TimeProvider _clock;
    private readonly Lock _gate = new();
    private readonly List<RateLimitQueue> _queues = [];
    private RateLimits _limits;
    private TokenBuckets _buckets;
    private long _throttledBefore;

    /// <summary>Takes over <paramref name="below"/>.</summary>
    /// <param name="below">The device.</param>
    /// <param name="limits">What it may do; can be changed later.</param>
    /// <param name="clock">The time, also of what <see cref="BlockQueue.Arm"/> returns; that of the system unless in a test.</param>
    /// <exception cref="ArgumentException">A limit is negative, or a burst has no rate.</exception>
    public RateLimitDevice(BlockDevice below, RateLimits limits, TimeProvider? clock = null)
        : base(below)
    {
        ArgumentNullException.ThrowIfNull(limits);
        limits.Check();
        _clock = clock ?? TimeProvider.System;
        _limits = limits;
        _buckets = new TokenBuckets(limits, _clock);
    }

    /// <inheritdoc/>
    public override BlockDeviceInfo Info => Below.Info;

    /// <summary>
    /// What the device may do. May be set at any time from any thread: requests that wait are then measured by the new limits, from full buckets.
    /// </summary>
    /// <exception cref="ArgumentException">A limit is negative, or a burst has no rate.</exception>
    public RateLimits Limits
    {
        get => Volatile.Read(ref _limits);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            value.Check();
            lock (_gate)
            {
                Volatile.Write(ref _limits, value);
                Volatile.Write(ref _buckets, new TokenBuckets(value, _clock));
                _queues.ForEach(q => q.Completions?.Ring());
            }
        }
    }

    /// <summary>Number of requests that had to wait.</summary>
    public long Throttled
    {
        get
        {
            lock (_gate)
            {
                return _throttledBefore + _queues.Sum(q => q.Throttled);
            }
        }
    }

    internal TokenBuckets Buckets => Volatile.Read(ref _buckets);

    internal TimeProvider Clock => _clock;

    /// <inheritdoc/>
    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null)
    {
        var queue = new RateLimitQueue(this, Below.OpenQueue(depth, completions), completions, depth);
        lock (_gate)
        {
            _queues.Add(queue);
        }

        return queue;
    }

    internal void Close(RateLimitQueue queue)
    {
        lock (_gate)
        {
            _throttledBefore += _queues.Remove(queue) ? queue.Throttled : 0;
        }
    }
}
