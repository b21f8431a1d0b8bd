namespace Makatea.LinuxProgram;

/// <summary>Threads and tasks.</summary>
internal static class ThreadTrials
{
    private const int Threads = 200;

    [ThreadStatic]
    private static int _own;

    public static string? Tasks()
    {
        Task<int>[] tasks = [.. Enumerable.Range(0, 64).Select(i => Task.Run(async () =>
        {
            await Task.Yield();
            return i * i;
        }))];
        int sum = Task.WhenAll(tasks).GetAwaiter().GetResult().Sum();
        int parallel = 0;
        Parallel.For(0, 1000, i => Interlocked.Add(ref parallel, i));
        return sum == 85_344 && parallel == 499_500 ? null : $"sums {sum} and {parallel}";
    }

    public static string? Locks()
    {
        const int Rounds = 20_000;
        var gate = new Lock();
        int count = 0;
        Thread[] threads = Start(4, () =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                lock (gate)
                {
                    count++;
                }
            }
        });
        Join(threads);
        return count == 4 * Rounds ? null : $"counted {count}";
    }

    public static string? Many()
    {
        // All at once: none ends before the last has started.
        int ran = 0;
        using var all = new CountdownEvent(Threads);
        Join(Start(Threads, () =>
        {
            all.Signal();
            all.Wait();
            Interlocked.Increment(ref ran);
        }));
        return ran == Threads ? null : $"{ran} ran";
    }

    public static string? Statics()
    {
        int wrong = 0;
        int number = 0;
        Join(Start(8, () =>
        {
            int own = Interlocked.Increment(ref number);
            _own = own;
            for (int i = 0; i < 100; i++)
            {
                Thread.Yield();
                if (_own != own)
                {
                    Interlocked.Increment(ref wrong);
                }
            }
        }));
        return wrong == 0 && number == 8 ? null : $"{wrong} of {number} saw another's";
    }

    internal static Thread[] Start(int count, Action body)
    {
        var threads = new Thread[count];
        for (int i = 0; i < count; i++)
        {
            threads[i] = new Thread(() => body());
            threads[i].Start();
        }

        return threads;
    }

    internal static void Join(Thread[] threads)
    {
        foreach (Thread thread in threads)
        {
            thread.Join();
        }
    }
}
