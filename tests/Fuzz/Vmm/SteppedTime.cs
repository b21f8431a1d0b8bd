namespace Makatea.Fuzz.Vmm;

/// <summary>Time that a session steps, in nanoseconds.</summary>
internal sealed class SteppedTime : TimeProvider
{
    private static readonly DateTimeOffset _start = new(2026, 12, 31, 23, 59, 0, TimeSpan.Zero);

    private long _now;

    public override long TimestampFrequency => 1_000_000_000;

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public override DateTimeOffset GetUtcNow() => _start.AddTicks(GetTimestamp() / 100);

    public void Step(long nanoseconds) => Volatile.Write(ref _now, _now + nanoseconds);
}
