using static Makatea.SandboxProbe.Native;

namespace Makatea.SandboxProbe;

/// <summary>How much of everything it can take.</summary>
internal static class Limits
{
    public static IEnumerable<(string Name, string Result)> All()
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

        using var enough = new ManualResetEventSlim();
        int threads = 0;
        try
        {
            while (threads < 1000)
            {
                new Thread(() => enough.Wait(), 64 * 1024) { IsBackground = true }.Start();
                threads++;
            }
        }
        catch (OutOfMemoryException)
        {
        }

        yield return ("threads", threads.ToString());
        enough.Set();
        yield return ("locked memory", Try(325, 0x1_0000, 1L << 40, 0)); // mlock2 of nothing: ENOMEM before anything else
        yield return ("core dump limit", File.ReadLines("/proc/self/limits").First(l => l.StartsWith("Max core", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[4]);
    }
}
