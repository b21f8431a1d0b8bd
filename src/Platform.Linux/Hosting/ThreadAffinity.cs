using System.Numerics;

namespace Makatea.Platform.Linux;

/// <summary>Keeps threads that wait for interrupts on one processor each, as interrupts are.</summary>
internal static unsafe class ThreadAffinity
{
    private const int Words = 128;

    /// <summary>Not the same processor first in each component.</summary>
    private static readonly int _first = Random.Shared.Next(1 << 16);

    /// <summary>Has the calling thread stay on one of the processors that it may use.</summary>
    /// <param name="index">Threads of different indices get different processors, as far as there are any.</param>
    /// <returns>Number of the processor; -1 where the kernel refuses, and the thread may go anywhere.</returns>
    internal static int Settle(int index)
    {
        ulong* mask = stackalloc ulong[Words];
        new Span<ulong>(mask, Words).Clear();
        _ = Libc.SchedGetAffinity(0, Words * sizeof(ulong), mask);
        List<int> allowed = [];
        for (int i = 0; i < Words; i++)
        {
            for (ulong left = mask[i]; left != 0; left &= left - 1)
            {
                allowed.Add((i * 64) + BitOperations.TrailingZeroCount(left));
            }
        }

        if (allowed.Count == 0)
        {
            return -1;
        }

        int chosen = allowed[(int)((uint)(_first + index) % (uint)allowed.Count)];
        new Span<ulong>(mask, Words).Clear();
        mask[chosen / 64] = 1ul << (chosen % 64);
        return Libc.SchedSetAffinity(0, Words * sizeof(ulong), mask) == 0 ? chosen : -1;
    }
}
