using System.Diagnostics;
using System.Runtime.InteropServices;
using Makatea.Sel4;

namespace Makatea.LinuxProgram;

/// <summary>What the layer has beyond Linux, and what a thread goes through that calls the kernel itself.</summary>
internal static unsafe partial class KernelTrials
{
    private const long SignalThread = 234;
    private const long ThreadId = 186;
    private const long ProcessId = 39;

    // The runtime's own, for stopping threads: its handler does nothing with a thread that does not run managed code.
    private const long ActivationSignal = 34;

    private static readonly ComponentInfo* _info = (ComponentInfo*)ComponentLayout.Info;

    /// <summary>The program runs on the layer, not on Linux.</summary>
    public static bool IsThere { get; } = Call((long)LayerRequest.KernelRoutine, 0, 0, 0) > 0;

    public static string? Waiter()
    {
        long start = Stopwatch.GetTimestamp();
        Call((long)LayerRequest.SetTimer, 0, Now() + 50_000_000, 0);
        ulong bits = Wait(0);
        TimeSpan waited = Stopwatch.GetElapsedTime(start);
        return bits == 1ul << 63 && waited.TotalMilliseconds >= 50 ? null : $"0x{bits:x} after {waited}";
    }

    public static string? Interrupted()
    {
        long id = 0;
        ulong bits = 0;
        var thread = new Thread(() =>
        {
            Volatile.Write(ref id, Call(ThreadId, 0, 0, 0));
            bits = Wait(1);
        });
        thread.Start();
        while (Volatile.Read(ref id) == 0)
        {
            Thread.Sleep(1);
        }

        // It waits in the kernel by now; each signal stops that, and the wait goes on afterwards.
        Thread.Sleep(20);
        long process = Call(ProcessId, 0, 0, 0);
        for (int i = 0; i < 20; i++)
        {
            if (Call(SignalThread, process, id, ActivationSignal) != 0)
            {
                return "the signal was refused";
            }

            GC.Collect(0);
            Thread.Sleep(i % 3);
        }

        if (!thread.IsAlive)
        {
            return "it waits no more";
        }

        Call((long)LayerRequest.SetTimer, 1, Now() + 1_000_000, 0);
        return thread.Join(TimeSpan.FromSeconds(5)) && bits == 1ul << 63 ? null : $"0x{bits:x}";
    }

    public static string? DeviceMemory()
    {
        const int Length = 1 << 16;
        long address = Call((long)LayerRequest.AllocateDma, Length, 0, 0);
        var memory = new Span<byte>((void*)address, Length);
        bool isClear = memory.IndexOfAnyExcept((byte)0) < 0;
        memory.Fill(7);
        const long Unmap = 11;
        return isClear && Call(Unmap, address, Length, 0) == 0 && Call((long)LayerRequest.MapDma, 0, address, Length) < 0 ? null : $"at 0x{address:x}";
    }

    /// <summary>Waits at a waiter by a call of the kernel's own.</summary>
    private static ulong Wait(ulong waiter)
    {
        KernelRegisters registers = default;
        long* board = (long*)((byte*)_info + _info->BoardOffset);
        registers.Number = board[(int)BoardValue.SysWait];
        registers.Capability = _info->FirstWaiter + waiter;
        var routine = (delegate* unmanaged<KernelRegisters*, void>)Call((long)LayerRequest.KernelRoutine, 0, 0, 0);
        routine(&registers);
        return registers.Capability;
    }

    private static long Now() => (long)(Stopwatch.GetTimestamp() * (1_000_000_000.0 / Stopwatch.Frequency));

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long Call(long number, long first, long second, long third);
}
