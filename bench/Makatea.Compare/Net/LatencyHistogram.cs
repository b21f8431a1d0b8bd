using System.Numerics;

namespace Makatea.Compare.Net;

/// <summary>Counts times in nanoseconds in buckets of 1/32 of their size, so that recording costs no more than a few instructions. (The package that everybody uses for it is not in every copy of the gallery.)</summary>
internal sealed class LatencyHistogram
{
    private const int Precision = 5;
    private readonly long[] _buckets = new long[64 << Precision];
    private long _count;

    /// <summary>The longest.</summary>
    public long Max { get; private set; }

    public void Add(long nanoseconds)
    {
        ulong value = (ulong)Math.Max(nanoseconds, 0);
        int shift = Math.Max(0, 63 - Precision - BitOperations.LeadingZeroCount(value | 1));
        _buckets[(shift << Precision) + (int)(value >> shift)]++;
        _count++;
        Max = Math.Max(Max, nanoseconds);
    }

    /// <summary>The time that a share of all stayed within.</summary>
    /// <param name="share">From 0 to 1.</param>
    public long Quantile(double share)
    {
        long left = (long)Math.Ceiling(share * _count);
        for (int i = 0; i < _buckets.Length; i++)
        {
            left -= _buckets[i];
            if (left <= 0)
            {
                // The first two powers of two share a row; from there on each has one.
                int shift = Math.Max(0, (i >> Precision) - 1);
                return Math.Min(((i - ((long)shift << Precision) + 1) << shift) - 1, Max);
            }
        }

        return Max;
    }
}
