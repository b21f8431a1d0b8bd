namespace Makatea.Platform.Linux.Tests;

/// <summary>Counts what a test leaves open. Its users run alone (see <see cref="Alone"/>).</summary>
internal static class OpenDescriptors
{
    /// <summary>Runs <paramref name="action"/> twice and fails if the second run leaves a descriptor open.</summary>
    internal static void AssertNoneLeft(Action action)
    {
        action();

        // What earlier tests forgot is closed first; what this one forgets is still open when it is counted.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        int before = Count();
        action();
        Assert.Equal(before, Count());
    }

    private static int Count() => Directory.GetFileSystemEntries("/proc/self/fd").Length;
}

/// <summary>Tests that look at the whole process and so cannot run beside others.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
