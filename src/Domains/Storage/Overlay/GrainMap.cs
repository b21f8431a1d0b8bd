using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>A set of grains as a bitmap that threads share: bits are set and cleared atomically, up to 64 at a time.</summary>
internal sealed class GrainMap(MemorySegment bits)
{
    private Span<ulong> Words
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => MemoryMarshal.Cast<byte, ulong>(bits.AsSpan());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(long grain) => (Volatile.Read(ref Words[(int)(grain >> 6)]) & (1ul << (int)grain)) != 0;

    /// <summary>Whether all of the grains are in the set, or all are not: the length of the run that starts at <paramref name="first"/>, at most <paramref name="count"/>.</summary>
    public long Run(long first, long count, out bool contained)
    {
        Span<ulong> words = Words;
        contained = Contains(first);
        long end = first + count;
        long grain = first;
        while (grain < end)
        {
            ulong word = Volatile.Read(ref words[(int)(grain >> 6)]);
            ulong others = (contained ? ~word : word) >> (int)grain;
            if (others != 0)
            {
                return Math.Min(grain + BitOperations.TrailingZeroCount(others), end) - first;
            }

            grain = (grain | 63) + 1;
        }

        return count;
    }

    /// <summary>Number of grains in the set.</summary>
    public long Count()
    {
        long count = 0;
        foreach (ref ulong word in Words)
        {
            count += BitOperations.PopCount(Volatile.Read(ref word));
        }

        return count;
    }

    public void Add(long first, long count)
    {
        Span<ulong> words = Words;
        for (long end = first + count; first < end; first = (first | 63) + 1)
        {
            Interlocked.Or(ref words[(int)(first >> 6)], Mask(first, end));
        }
    }

    public void Remove(long first, long count)
    {
        Span<ulong> words = Words;
        for (long end = first + count; first < end; first = (first | 63) + 1)
        {
            Interlocked.And(ref words[(int)(first >> 6)], ~Mask(first, end));
        }
    }

    /// <summary>Adds grains that nobody else has added, up to the first that somebody has.</summary>
    /// <returns>How many were added, from <paramref name="first"/> on.</returns>
    public long TryAdd(long first, long count)
    {
        Span<ulong> words = Words;
        long end = first + count;
        for (long grain = first; grain < end; grain = (grain | 63) + 1)
        {
            ref ulong word = ref words[(int)(grain >> 6)];
            ulong mask = Mask(grain, end);
            ulong taken = Interlocked.Or(ref word, mask) & mask;
            if (taken != 0)
            {
                ulong before = (taken & (0 - taken)) - 1;
                Interlocked.And(ref word, ~(mask & ~taken & ~before));
                return (grain & ~63L) + BitOperations.TrailingZeroCount(taken) - first;
            }
        }

        return count;
    }

    /// <summary>Copies part of the bitmap, whole words.</summary>
    public void CopyTo(long byteOffset, Span<byte> destination)
    {
        Span<ulong> words = Words.Slice((int)(byteOffset / sizeof(ulong)), destination.Length / sizeof(ulong));
        Span<ulong> copy = MemoryMarshal.Cast<byte, ulong>(destination);
        for (int i = 0; i < words.Length; i++)
        {
            copy[i] = Volatile.Read(ref words[i]);
        }
    }

    /// <summary>Adds what another bitmap has from <paramref name="byteOffset"/> on.</summary>
    public void Add(long byteOffset, ReadOnlySpan<byte> source)
    {
        Span<ulong> words = Words.Slice((int)(byteOffset / sizeof(ulong)), source.Length / sizeof(ulong));
        ReadOnlySpan<ulong> added = MemoryMarshal.Cast<byte, ulong>(source);
        for (int i = 0; i < words.Length; i++)
        {
            words[i] |= added[i];
        }
    }

    /// <summary>Bits of the word of <paramref name="first"/>, from it to the word's end or <paramref name="end"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mask(long first, long end)
    {
        ulong mask = ulong.MaxValue << (int)first;
        return (end >> 6) == (first >> 6) ? mask & ~(ulong.MaxValue << (int)end) : mask;
    }
}
