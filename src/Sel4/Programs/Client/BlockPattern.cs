using System.Runtime.InteropServices;

namespace Makatea.Sel4.Programs;

/// <summary>
/// What a block holds: le64 number, le64 generation, le64 seed, and words derived from them, so that one that is stale, torn, misplaced or foreign differs from what it is to be, wherever it
/// is looked at: in the component that wrote it, or in the image on the host.
/// </summary>
internal static class BlockPattern
{
    private const ulong Step = 0x9e37_79b9_7f4a_7c15;

    /// <summary>Fills a block.</summary>
    public static void Fill(Span<byte> block, ulong seed, long number, ulong generation)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(block);
        words[0] = (ulong)number;
        words[1] = generation;
        words[2] = seed;
        for (int i = 3; i < words.Length; i++)
        {
            words[i] = Word(seed, number, generation, i);
        }
    }

    /// <summary>Checks a block.</summary>
    /// <returns>Null, or what is wrong.</returns>
    public static string? Check(ReadOnlySpan<byte> block, ulong seed, long number, ulong generation)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(block);
        if (words[0] != (ulong)number || words[1] != generation || words[2] != seed)
        {
            return $"block {number} is to be of generation {generation}, seed {seed}, and is block {words[0]} of generation {words[1]}, seed {words[2]}";
        }

        for (int i = 3; i < words.Length; i++)
        {
            if (words[i] != Word(seed, number, generation, i))
            {
                return $"block {number} of generation {generation} is damaged at byte {i * sizeof(ulong)}";
            }
        }

        return null;
    }

    private static ulong Word(ulong seed, long number, ulong generation, int index)
    {
        ulong mixed = (seed ^ ((ulong)number << 20) ^ (generation << 52)) + ((ulong)index * Step);
        mixed ^= mixed >> 29;
        return mixed * Step;
    }
}
