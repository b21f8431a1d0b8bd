namespace Makatea.Benchmarks;

/// <summary>
/// Counts what benchmarks allocate on their own thread: nothing is allowed. BenchmarkDotNet counts the whole process, in which now and then its own threads and
/// the compiler's allocate too.
/// </summary>
internal sealed class AllocationCheck(string name)
{
    private const int Calls = 16;
    private int _runs;
    private int _failures;

    /// <summary>Runs a benchmark once to warm it up, and again to count.</summary>
    /// <param name="described">What it is called in messages.</param>
    /// <param name="requests">Requests of one call.</param>
    /// <param name="measured">The benchmark.</param>
    internal void Add(string described, int requests, Func<long> measured)
    {
        _runs++;
        measured();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Calls; i++)
        {
            measured();
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (allocated != 0)
        {
            _failures++;
            Console.Error.WriteLine($"{described}: {allocated} bytes allocated in {Calls * requests} requests, 0 allowed");
        }
    }

    /// <returns>Exit status: 0 where nothing was allocated.</returns>
    internal int Conclude()
    {
        Console.WriteLine($"{_runs - _failures} of {_runs} {name} benchmarks allocate nothing");
        return _failures == 0 && _runs != 0 ? 0 : 1;
    }
}
