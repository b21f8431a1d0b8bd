namespace Makatea.Platform.Linux.Tests;

/// <summary>Checks that the data path leaves the collected heap alone.</summary>
internal static class Allocations
{
    /// <summary>Runs <paramref name="action"/> often and fails if this thread allocated a byte.</summary>
    internal static void AssertNone(Action action)
    {
        for (int i = 0; i < 200; i++)
        {
            action();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            action();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
