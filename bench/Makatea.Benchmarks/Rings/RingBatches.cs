namespace Makatea.Benchmarks.Rings;

/// <summary>How requests are grouped in the ring benchmarks.</summary>
internal static class RingBatches
{
    /// <summary>Requests that one measured call handles.</summary>
    public const int Requests = 1024;

    /// <summary>Requests between two publishes.</summary>
    public static IEnumerable<int> All => [1, 8, 32, 256];
}
