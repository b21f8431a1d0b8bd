using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Makatea.Benchmarks;

/// <summary>Runs benchmarks and fails where one of them allocates.</summary>
internal static class Suite
{
    /// <param name="benchmarks">Classes of benchmarks.</param>
    /// <returns>Exit status: 0 where all ran and nothing was allocated.</returns>
    public static int Run(params Type[] benchmarks)
    {
        // In this process: what would be built for a process of its own is this program again.
        Job job = Job.ShortRun.WithIterationCount(9).WithToolchain(InProcessEmitToolchain.Instance);
        IConfig config = ManualConfig.Create(DefaultConfig.Instance)
            .WithOptions(ConfigOptions.DisableOptimizationsValidator | ConfigOptions.JoinSummary)
            .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "makatea-benchmarks"))
            .AddJob(job)
            .AddColumn(StatisticColumn.Min) // What it costs where nothing else runs.
            .AddDiagnoser(MemoryDiagnoser.Default);

        int failures = 0;
        int reports = 0;
        foreach (BenchmarkReport report in BenchmarkRunner.Run(benchmarks, config).SelectMany(s => s.Reports))
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

        return failures == 0 && reports != 0 ? 0 : 1;
    }
}
