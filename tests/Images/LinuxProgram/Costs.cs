using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Makatea.LinuxProgram;

/// <summary>What some of that takes, to be compared with the same program on Linux in the same machine.</summary>
internal static unsafe partial class Costs
{
    private const long ProcessId = 39;

    public static void Tell()
    {
        Console.WriteLine($"program: a system call takes {Call(5000)} ns, a page that is touched for the first time {Touch(500)} ns, waking another thread and being woken {Wake(1000)} ns");
    }

    private static long Call(int rounds) => PerRound(rounds, static count =>
    {
        for (int i = 0; i < count; i++)
        {
            SystemCall(ProcessId);
        }
    });

    private static long Touch(int pages)
    {
        const nuint PageSize = 4096;
        byte* memory = (byte*)NativeMemory.Alloc((nuint)pages * PageSize);
        long start = Stopwatch.GetTimestamp();
        for (nuint i = 0; i < (nuint)pages; i++)
        {
            memory[i * PageSize] = 1;
        }

        long result = PerRound(start, pages);
        NativeMemory.Free(memory);
        return result;
    }

    private static long Wake(int rounds)
    {
        using var there = new SemaphoreSlim(0);
        using var back = new SemaphoreSlim(0);
        var other = new Thread(() =>
        {
            for (int i = 0; i < rounds; i++)
            {
                there.Wait();
                back.Release();
            }
        });
        other.Start();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < rounds; i++)
        {
            there.Release();
            back.Wait();
        }

        long result = PerRound(start, rounds);
        other.Join();
        return result;
    }

    private static long PerRound(int rounds, Action<int> body)
    {
        body(rounds / 10);
        long start = Stopwatch.GetTimestamp();
        body(rounds);
        return PerRound(start, rounds);
    }

    private static long PerRound(long start, int rounds) => (long)(Stopwatch.GetElapsedTime(start).TotalNanoseconds / rounds);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long SystemCall(long number);
}
