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
    /// <returns>Exit status: 0 where nothing was allocated.</returns>
    public static int Run()
    {
        int status = AllocationGate.Run();

        // In this process: what would be built for a process of its own is this program again.
        Job job = Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance);
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
            long? allocated = report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase);
            if (!report.Success || allocated is not 0)
            {
                failures++;
                Console.Error.WriteLine(
                    $"{report.BenchmarkCase.DisplayInfo}: {(report.Success ? $"{allocated} bytes allocated for each request, 0 allowed" : "did not run")}");
            }
        }

        return failures == 0 && reports != 0 ? status : 1;
    }
}
