namespace Makatea.Compare;

/// <summary>One run of one back end.</summary>
/// <param name="Operations">Requests that ended.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="CpuNanoseconds">CPU time that the back end used meanwhile.</param>
internal readonly record struct Measurement(long Operations, double Seconds, long CpuNanoseconds)
{
    public double OperationsPerSecond => Operations / Seconds;

    public double CpuMicrosecondsPerOperation => CpuNanoseconds / 1000.0 / Operations;
}

/// <summary>All runs of one scenario on both back ends.</summary>
/// <param name="Scenario">What was measured.</param>
/// <param name="Ours">Runs on Makatea.</param>
/// <param name="Peer">Runs on the peer, each next to one of ours in time.</param>
internal sealed record Comparison(Scenario Scenario, IReadOnlyList<Measurement> Ours, IReadOnlyList<Measurement> Peer)
{
    public double OurRate => Median(Ours, m => m.OperationsPerSecond);

    public double PeerRate => Median(Peer, m => m.OperationsPerSecond);

    public double OurCpu => Median(Ours, m => m.CpuMicrosecondsPerOperation);

    public double PeerCpu => Median(Peer, m => m.CpuMicrosecondsPerOperation);

    /// <summary>How many times the peer's rate ours is.</summary>
    public double RateRatio => OurRate / PeerRate;

    /// <summary>How many times the peer's CPU time an operation costs us.</summary>
    public double CpuRatio => OurCpu / PeerCpu;

    private static double Median(IReadOnlyList<Measurement> runs, Func<Measurement, double> value)
    {
        double[] sorted = [.. runs.Select(value).Order()];
        return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
