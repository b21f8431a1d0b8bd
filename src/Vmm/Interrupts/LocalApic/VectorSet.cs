using System.Numerics;

namespace Makatea.Vmm;

/// <summary>A set of the 256 vectors, in the layout of IRR, ISR and TMR. Any thread may add and remove.</summary>
internal sealed class VectorSet
{
    public const int Words = 8;

    private readonly uint[] _words = new uint[Words];

    /// <summary>32 vectors, as a register shows them.</summary>
    public uint this[int word] => Volatile.Read(ref _words[word]);

    public bool Contains(byte vector) => (this[vector >> 5] & Bit(vector)) != 0;

    /// <returns>Whether it was not there.</returns>
    public bool Add(byte vector) => (Interlocked.Or(ref _words[vector >> 5], Bit(vector)) & Bit(vector)) == 0;

    public void Remove(byte vector) => Interlocked.And(ref _words[vector >> 5], ~Bit(vector));

    public void Clear()
    {
        for (int word = 0; word < Words; word++)
        {
            Volatile.Write(ref _words[word], 0);
        }
    }

    /// <summary>All words.</summary>
    public uint[] ToArray() => [.. Enumerable.Range(0, Words).Select(word => this[word])];

    /// <summary>Sets all words; vectors below 16 cannot be in it.</summary>
    public void Set(ReadOnlySpan<uint> words)
    {
        for (int word = 0; word < Words; word++)
        {
            Volatile.Write(ref _words[word], words[word] & (word == 0 ? 0xffff_0000 : uint.MaxValue));
        }
    }

    /// <summary>The highest vector, or -1 in an empty set.</summary>
    public int Highest()
    {
        for (int word = Words - 1; word >= 0; word--)
        {
            uint bits = this[word];
            if (bits != 0)
            {
                return (word << 5) + BitOperations.Log2(bits);
            }
        }

        return -1;
    }

    private static uint Bit(byte vector) => 1u << (vector & 31);
}
