using System.Numerics;

namespace Makatea.Domains.Storage;

/// <summary>Block sizes that a device may have.</summary>
internal static class BlockSizes
{
    public const string Rule = "a block size is a power of two from 512 to 65,536 bytes";

    public static bool AreValid(int blockSize) => blockSize is >= 512 and <= 65536 && BitOperations.IsPow2(blockSize);
}
