using System.Runtime.CompilerServices;

namespace Makatea.Domains.Storage;

/// <summary>
/// A token bucket as one number: the time at which it will be full again (the "theoretical arrival time" of ATM's GCRA). Taking tokens moves that time on, so
/// one compare-and-swap takes them, and can take them for the future: whoever must wait takes its tokens now and is told when they are its to use.
/// That makes waiters take turns in the order in which they came, without a list of them.
/// </summary>
/// <remarks>
/// <code>
///        level
/// burst  |----.                 full at = now + (burst - level) / rate
///        |    |  .'             tokens may be used at = full at + min(tokens, burst) / rate - burst / rate
///   0    |    '.'               full at := max(full at, now) + tokens / rate
///        +-------------- time
/// </code>
/// A request of more tokens than the bucket holds waits for a full bucket and leaves it in debt, which later ones wait out; the long-run rate holds.
/// </remarks>
internal sealed class TokenBucket
{
    // A century of debt is as good as any more, and cannot wrap.
    private const double MaxTicks = 1L << 61;

    private readonly double _ticksPerToken;
    private readonly long _burst;
    private readonly long _burstTicks;
    private long _fullAt;

    /// <summary>Makes a full one.</summary>
    public TokenBucket(long perSecond, long burst, TimeProvider clock)
    {
        _ticksPerToken = (double)clock.TimestampFrequency / perSecond;
        _burst = burst;
        _burstTicks = (long)Math.Min(burst * _ticksPerToken, MaxTicks);
        _fullAt = clock.GetTimestamp();
    }

    /// <summary>Takes tokens.</summary>
    /// <param name="tokens">How many, from 1.</param>
    /// <param name="now">The time.</param>
    /// <param name="rest">Part of a clock tick that the caller's earlier takings left over; kept by the caller, so that the rate is exact in the long run.</param>
    /// <returns>When they may be used; now or earlier is at once.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Take(long tokens, long now, ref double rest)
    {
        double exact = Math.Min((tokens * _ticksPerToken) + rest, MaxTicks / 64);
        long cost = (long)exact;
        rest = exact - cost;
        long needed = tokens >= _burst ? _burstTicks : cost;
        while (true)
        {
            long seen = Volatile.Read(ref _fullAt);
            long fullAt = Math.Max(seen, now);
            if (Interlocked.CompareExchange(ref _fullAt, Math.Min(fullAt + cost, (long)MaxTicks), seen) == seen)
            {
                return fullAt + needed - _burstTicks;
            }
        }
    }
}
