namespace Makatea.Benchmarks.Net;

/// <summary>Runs every benchmark of forwarding and counts what its thread allocates.</summary>
internal static class ForwardGate
{
    /// <returns>Exit status: 0 where nothing was allocated.</returns>
    public static int Run()
    {
        var check = new AllocationCheck("forwarding");
        var benchmark = new ForwardBenchmark();
        benchmark.Setup();
        check.Add(nameof(benchmark.Loopback), ForwardBenchmark.Frames, benchmark.Loopback);
        check.Add(nameof(benchmark.Switched), ForwardBenchmark.Frames, benchmark.Switched);
        check.Add(nameof(benchmark.RoutedOut), ForwardBenchmark.Frames, benchmark.RoutedOut);
        check.Add(nameof(benchmark.RoutedIn), ForwardBenchmark.Frames, benchmark.RoutedIn);
        benchmark.Cleanup();
        return check.Conclude();
    }
}
