using Makatea.Platform.Linux;
using static Makatea.SandboxProbe.Native;

namespace Makatea.SandboxProbe;

/// <summary>What is left after the seal.</summary>
internal static unsafe class Sealed
{
    private const int Moment = 20;

    public static IEnumerable<(string Name, string Result)> All(SandboxSealRights keep)
    {
        // Once before with a seal that leaves the compiler its memory, printing included, so that nothing is loaded or compiled after the other that need not be.
        const SandboxSealRights Everything = SandboxSealRights.OpenFiles | SandboxSealRights.ExecutableMemory | SandboxSealRights.NewRings;
        var warmUp = new List<(string, string)>();
        Check(warmUp, "warm-up: ", () => SandboxSeal.Apply(Everything));
        Program.Print(warmUp);

        var results = new List<(string, string)>();
        Try(results, "before: ");
        Check(results, "after: ", () => SandboxSeal.Apply(keep));
        return results;
    }

    private static void Check(List<(string, string)> results, string when, Action seal)
    {
        // A thread from before the seal and one from after: the seal is on both. Who waits does so for a while, in the same way each time: how threads are woken is compiled, too.
        bool isSealed = false;
        var earlier = new Thread(() =>
        {
            while (!Volatile.Read(ref isSealed))
            {
                Thread.Sleep(Moment);
            }

            Try(results, when + "earlier thread: ");
            Thread.Sleep(Moment);
        });
        earlier.Start();
        Thread.Sleep(2 * Moment);
        seal();
        Volatile.Write(ref isSealed, true);
        earlier.Join();
        var later = new Thread(() =>
        {
            Try(results, when + "later thread: ");
            Thread.Sleep(Moment);
        });
        later.Start();
        later.Join();

        for (int i = 0; i < 50; i++)
        {
            GC.KeepAlive(new byte[1 << 20]);
        }

        GC.Collect();
        results.Add((when + "garbage collection", "ok"));
    }

    private static void Try(List<(string, string)> results, string when)
    {
        byte* parameters = stackalloc byte[120];
        new Span<byte>(parameters, 120).Clear();
        results.Add((when + "open", Open(typeof(Sealed).Assembly.Location, 0)));
        results.Add((when + "make a ring", TryDescriptor(425, 4, (long)parameters)));
        results.Add((when + "map executable memory", Native.Try(9, 0, 4096, 5, 0x22, -1, 0)));
        results.Add((when + "make memory executable", Native.Try(10, Call(9, 0, 4096, 3, 0x22, -1, 0), 4096, 5)));
        results.Add((when + "start a program", Native.Try(59, 0, 0, 0)));
        results.Add((when + "make a socket", TryDescriptor(41, 1, 1, 0)));
    }
}
