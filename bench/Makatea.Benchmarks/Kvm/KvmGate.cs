namespace Makatea.Benchmarks.Kvm;

/// <summary>Runs every benchmark of KVM's exits and counts what its thread allocates.</summary>
internal static class KvmGate
{
    /// <returns>Exit status: 0 where nothing was allocated.</returns>
    public static int Run()
    {
        var check = new AllocationCheck("KVM");
        foreach (ExitBenchmark.Access access in Enum.GetValues<ExitBenchmark.Access>())
        {
            var benchmark = new ExitBenchmark { Of = access };
            benchmark.Setup();
            check.Add($"{access}", ExitBenchmark.Exits, benchmark.Run);
            benchmark.Cleanup();
        }

        return check.Conclude();
    }
}
