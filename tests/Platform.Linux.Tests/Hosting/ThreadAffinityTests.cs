namespace Makatea.Platform.Linux.Tests;

/// <summary>Threads that stay where their interrupts are.</summary>
public sealed class ThreadAffinityTests
{
    [Fact]
    public void Threads_stay_on_a_processor_each()
    {
        int count = Environment.ProcessorCount;
        int[] settled = [.. Enumerable.Range(0, count).Select(SettleAThread)];
        Assert.Equal(count, settled.Distinct().Count());

        // And start again from the first.
        Assert.Equal(settled[0], SettleAThread(count));
    }

    private static int SettleAThread(int index)
    {
        (int settled, string list) = (-1, "");
        var thread = new Thread(() =>
        {
            settled = ThreadAffinity.Settle(index);
            Assert.Equal(settled, ThreadAffinity.Settle(index + 1)); // There is no other any more.
            list = File.ReadLines("/proc/thread-self/status").Single(l => l.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal));
        });
        thread.Start();
        thread.Join();
        Assert.Equal($"Cpus_allowed_list:\t{settled}", list);
        return settled;
    }
}
