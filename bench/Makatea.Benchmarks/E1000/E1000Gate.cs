namespace Makatea.Benchmarks.E1000;

/// <summary>Runs every benchmark of the E1000 driver and counts what its thread allocates.</summary>
internal static class E1000Gate
{
    /// <returns>Exit status: 0 where nothing was allocated.</returns>
    public static int Run()
    {
        var check = new AllocationCheck("E1000");
        foreach (bool is82574 in (bool[])[false, true])
        {
            foreach (int batch in E1000Benchmark.Batches)
            {
                string where = $"{(is82574 ? "82574L" : "82540EM")}, batches of {batch}";
                var transmit = new TransmitBenchmark { Batch = batch, Is82574 = is82574 };
                transmit.Setup();
                check.Add($"{where}, {nameof(transmit.Plain)}", E1000Benchmark.Frames, transmit.Plain);
                check.Add($"{where}, {nameof(transmit.Checksummed)}", E1000Benchmark.Frames, transmit.Checksummed);
                transmit.Cleanup();
                var receive = new ReceiveBenchmark { Batch = batch, Is82574 = is82574 };
                receive.Setup();
                check.Add($"{where}, {nameof(receive.Whole)}", E1000Benchmark.Frames, receive.Whole);
                receive.Cleanup();
            }
        }

        return check.Conclude();
    }
}
