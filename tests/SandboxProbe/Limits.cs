using static Makatea.SandboxProbe.Native;

namespace Makatea.SandboxProbe;

/// <summary>How much of everything it can take.</summary>
internal static class Limits
{
    public static IEnumerable<(string Name, string Result)> Descriptors()
    {
        // Nothing that .NET loads late can be loaded before some are closed again.
        long first = Call(32, 0);
        long highest = first;
        while (highest < 100_000 && Call(32, 0) is var fd and >= 0)
        {
            highest = fd;
        }

        Call(436, first, highest, 0);
        yield return ("highest descriptor", highest.ToString());
        yield return ("core dump limit", File.ReadLines("/proc/self/limits").First(l => l.StartsWith("Max core", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[4]);
    }

    /// <summary>Without tiered compilation: a runtime that cannot start its own threads ends the process.</summary>
    public static IEnumerable<(string Name, string Result)> Threads()
    {
        Console.Write(""); // starts a thread
        using var enough = new ManualResetEventSlim();
        var threads = new List<Thread>();
        try
        {
            while (threads.Count < 1000)
            {
                var thread = new Thread(() => enough.Wait(), 64 * 1024) { IsBackground = true };
                thread.Start();
                threads.Add(thread);
            }
        }
        catch (OutOfMemoryException)
        {
        }

        enough.Set();
        threads.ForEach(t => t.Join());
        yield return ("threads", threads.Count.ToString());
    }
}
