using System.Runtime.InteropServices;

namespace Makatea.BlockStress;

/// <summary>
/// What a block holds: its number, its generation and words derived from both, so that a block that is stale, torn, misplaced or foreign
/// differs from the one expected.
/// </summary>
internal static class BlockContent
{
    /// <summary>Bytes of a block.</summary>
    public const int Size = 4096;

    /// <summary>Fills a block.</summary>
    public static void Fill(Span<byte> block, ulong seed, long number, uint generation)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(block);
        words[0] = (ulong)number;
        words[1] = generation;
        ulong state = seed ^ ((ulong)number << 32) ^ generation;
        for (int i = 2; i < words.Length; i++)
        {
            words[i] = state += 0x9E3779B97F4A7C15 + (state >> 17);
        }
    }

    /// <summary>Compares a block with what it should hold.</summary>
    /// <returns>Null, or what is wrong.</returns>
    public static string? Check(ReadOnlySpan<byte> block, Span<byte> expected, ulong seed, long number, uint generation)
    {
        Fill(expected, seed, number, generation);
        if (block.SequenceEqual(expected))
        {
            return null;
        }

        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(block);
        int at = block.CommonPrefixLength(expected);
        return $"block {number} differs from byte {at} on: found block {words[0]} of generation {words[1]}, expected generation {generation}";
    }
}
