namespace Makatea.Vmm.Tests;

/// <summary>Time that tests step, in nanoseconds.</summary>
internal sealed class SteppedTime : TimeProvider
{
    private long _now = 1_000_000_000;

    public SteppedTime()
    {
        Clock = new(this);
        Queue = new(Clock);
    }

    public GuestClock Clock { get; }

    public DeadlineQueue Queue { get; }

    public DateTimeOffset Utc { get; set; } = new(2026, 2, 28, 23, 59, 58, TimeSpan.Zero);

    public override long TimestampFrequency => GuestClock.Second;

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public override DateTimeOffset GetUtcNow() => Utc;

    /// <summary>Steps, stopping at every deadline on the way as the queue's thread would.</summary>
    public void Step(long nanoseconds)
    {
        long end = Clock.Now + nanoseconds;
        while (Queue.NextDue is { } due && due <= end)
        {
            Jump(Math.Max(0, due - Clock.Now));
            Queue.RunDue();
        }

        Jump(end - Clock.Now);
    }

    /// <summary>Steps as a host does that was too busy to run the queue's thread.</summary>
    public void Jump(long nanoseconds)
    {
        Utc += TimeSpan.FromTicks(((_now + nanoseconds) / 100) - (_now / 100));
        Volatile.Write(ref _now, _now + nanoseconds);
    }
}
