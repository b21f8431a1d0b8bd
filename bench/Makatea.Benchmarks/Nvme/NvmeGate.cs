namespace Makatea.Benchmarks.Nvme;

/// <summary>Runs every NVMe benchmark and counts what its thread allocates.</summary>
internal static class NvmeGate
{
    /// <returns>Exit status: 0 where nothing was allocated.</returns>
    public static int Run()
    {
        var check = new AllocationCheck("NVMe");
        foreach (bool shadow in (bool[])[false, true])
        {
            foreach ((int depth, int length) in NvmeBenchmark.Depths.SelectMany(d => NvmeBenchmark.Lengths.Select(l => (d, l))))
            {
                var benchmark = new NvmeBenchmark { Depth = depth, Length = length, Shadow = shadow };
                benchmark.Setup();
                check.Add($"reads of {length} bytes at depth {depth}{(shadow ? ", doorbells in memory" : "")}", NvmeBenchmark.Requests, benchmark.Read);
                benchmark.Cleanup();
            }
        }

        return check.Conclude();
    }
}
