using System.Globalization;

namespace Makatea.Fuzz;

/// <summary>What the process holds on to.</summary>
/// <param name="Managed">Bytes in the collected heap.</param>
/// <param name="Resident">Bytes in memory.</param>
/// <param name="Descriptors">Open file descriptors.</param>
/// <param name="Threads">Threads.</param>
internal sealed record Footprint(long Managed, long Resident, int Descriptors, int Threads)
{
    private const long ManagedGrowth = 8 << 20;
    private const long ResidentGrowth = 128 << 20;
    private const int DescriptorGrowth = 32;
    private const int ThreadGrowth = 16;

    public static Footprint Now()
    {
        long managed = GC.GetTotalMemory(forceFullCollection: true);
        GC.WaitForPendingFinalizers();
        string[] pages = File.ReadAllText("/proc/self/statm").Split(' ');
        return new Footprint(
            managed,
            long.Parse(pages[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize,
            Directory.GetFileSystemEntries("/proc/self/fd").Length,
            Directory.GetDirectories("/proc/self/task").Length);
    }

    /// <exception cref="FuzzException">The later one holds more than noise explains.</exception>
    public void CompareWith(Footprint later)
    {
        FuzzException.ThrowUnless(
            later.Managed - Managed < ManagedGrowth && later.Resident - Resident < ResidentGrowth
                && later.Descriptors - Descriptors < DescriptorGrowth && later.Threads - Threads < ThreadGrowth,
            $"the process grew from {this} to {later}");
    }
}
