using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Benchmarks.Rings;

/// <summary>Runs every ring benchmark and counts what its thread allocates.</summary>
internal static class RingGate
{
    /// <returns>Exit status: 0 where nothing was allocated.</returns>
    public static int Run()
    {
        var check = new AllocationCheck("ring");
        foreach (bool indirect in (bool[])[false, true])
        {
            foreach (int batch in RingBatches.All)
            {
                Add<SplitRing, SplitDriverRing>(check, new SplitRingBenchmark { Batch = batch, Indirect = indirect });
                Add<PackedRing, PackedDriverRing>(check, new PackedRingBenchmark { Batch = batch, Indirect = indirect });
            }
        }

        return check.Conclude();
    }

    private static void Add<TDevice, TDriver>(AllocationCheck check, RingBenchmark<TDevice, TDriver> benchmark)
        where TDevice : struct, IDeviceRing, IDisposable
        where TDriver : struct, IDriverRing<TDriver>
    {
        benchmark.Setup();
        foreach (Func<long> measured in (Func<long>[])[benchmark.PopAndPush, benchmark.DriverAlone])
        {
            check.Add(
                $"{benchmark.GetType().Name}.{measured.Method.Name}, batches of {benchmark.Batch}{(benchmark.Indirect ? ", indirect" : "")}", RingBatches.Requests, measured);
        }

        benchmark.Cleanup();
    }
}
