namespace Makatea.Domains.Storage.Tests;

/// <summary>Time that stands still until told.</summary>
internal sealed class FakeClock : TimeProvider
{
    private long _now = 1_000_000_000_000;

    public override long TimestampFrequency => 1_000_000_000;

    public long Now
    {
        get => Volatile.Read(ref _now);
        set => Volatile.Write(ref _now, value);
    }

    public override long GetTimestamp() => Now;
}
