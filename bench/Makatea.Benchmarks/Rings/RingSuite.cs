using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Makatea.Benchmarks.Rings;

/// <summary>Runs the ring benchmarks and fails where one of them allocates.</summary>
internal static class RingSuite
{
    /// <summary>So many that even one small object for each batch of 256 stands out from what the runner itself allocates.</summary>
    private const int GateCalls = 1024;

    /// <param name="gate">Runs each benchmark as briefly as allocation needs; its times mean nothing.</param>
    /// <returns>Exit status: 0 where nothing was allocated.</returns>
    public static int Run(bool gate)
    {
        // In this process: what would be built for a process of its own is this program again.
        Job job = (gate ? Job.Dry.WithWarmupCount(1).WithInvocationCount(GateCalls).WithUnrollFactor(16) : Job.ShortRun).WithToolchain(InProcessEmitToolchain.Instance);
        IConfig config = ManualConfig.Create(DefaultConfig.Instance)
            .WithOptions(ConfigOptions.DisableOptimizationsValidator | ConfigOptions.JoinSummary)
            .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "makatea-benchmarks"))
            .AddJob(job)
            .AddDiagnoser(MemoryDiagnoser.Default);
        IEnumerable<Summary> summaries = BenchmarkRunner.Run([typeof(SplitRingBenchmark), typeof(PackedRingBenchmark)], config);

        int failures = 0;
        int reports = 0;
        foreach (BenchmarkReport report in summaries.SelectMany(s => s.Reports))
        {
            reports++;
            string name = report.BenchmarkCase.DisplayInfo;

            // All of it, as a share of a request would be rounded away; less the few KiB that the runner itself allocates.
            long? allocated = report.GcStats.GetTotalAllocatedBytes(excludeAllocationQuantumSideEffects: true);
            if (!report.Success || allocated is not 0)
            {
                failures++;
                Console.Error.WriteLine(
                    report.Success ? $"{name}: {allocated} bytes allocated in {report.GcStats.TotalOperations} requests, 0 allowed" : $"{name}: did not run");
            }
        }

        Console.WriteLine($"{reports - failures} of {reports} ring benchmarks allocate nothing");
        return failures == 0 && reports != 0 ? 0 : 1;
    }
}
