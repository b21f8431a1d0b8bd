namespace Makatea.Domains.Storage;

/// <summary>The buckets of one setting of limits, shared by all queues of a device. A new setting has new ones, which are full.</summary>
internal sealed class TokenBuckets
{
    private const int BurstsPerSecond = 10;

    public TokenBuckets(RateLimits limits, TimeProvider clock)
    {
        Operations = Make(limits.OperationsPerSecond, limits.OperationsBurst);
        Bytes = Make(limits.BytesPerSecond, limits.BytesBurst);

        TokenBucket? Make(long rate, long burst) =>
            rate == 0 ? null : new TokenBucket(rate, burst != 0 ? burst : Math.Max(1, rate / BurstsPerSecond), clock);
    }

    public TokenBucket? Operations { get; }

    public TokenBucket? Bytes { get; }

    public bool AreUnlimited => Operations is null && Bytes is null;
}
