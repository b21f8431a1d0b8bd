using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Benchmarks.Rings;

/// <summary>
/// Runs every ring benchmark and counts what its thread allocates: nothing is allowed. BenchmarkDotNet counts the whole process, in which now and then
/// its own threads and the compiler's allocate too.
/// </summary>
internal static class AllocationGate
{
    private const int Calls = 16;

    /// <returns>Exit status: 0 where nothing was allocated.</returns>
    public static int Run()
    {
        int runs = 0;
        int failures = 0;
        foreach (bool indirect in (bool[])[false, true])
        {
            foreach (int batch in RingBatches.All)
            {
                Check<SplitRing, SplitDriverRing>(new SplitRingBenchmark { Batch = batch, Indirect = indirect });
                Check<PackedRing, PackedDriverRing>(new PackedRingBenchmark { Batch = batch, Indirect = indirect });
            }
        }

        Console.WriteLine($"{runs - failures} of {runs} ring benchmarks allocate nothing");
        return failures == 0 && runs != 0 ? 0 : 1;

        void Check<TDevice, TDriver>(RingBenchmark<TDevice, TDriver> benchmark)
            where TDevice : struct, IDeviceRing, IDisposable
            where TDriver : struct, IDriverRing<TDriver>
        {
            benchmark.Setup();
            foreach (Func<long> measured in (Func<long>[])[benchmark.PopAndPush, benchmark.DriverAlone])
            {
                runs++;
                long allocated = AllocatedBy(measured);
                if (allocated != 0)
                {
                    failures++;
                    Console.Error.WriteLine(
                        $"{benchmark.GetType().Name}.{measured.Method.Name}, batches of {benchmark.Batch}{(benchmark.Indirect ? ", indirect" : "")}: "
                        + $"{allocated} bytes allocated in {Calls * RingBatches.Requests} requests, 0 allowed");
                }
            }

            benchmark.Cleanup();
        }
    }

    private static long AllocatedBy(Func<long> measured)
    {
        // What is only made the first time does not count.
        measured();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Calls; i++)
        {
            measured();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
