using System.Buffers.Binary;

namespace Makatea.Vmm.Boot;

/// <summary>Hands random bytes to Linux, as a node of its list of <c>setup_data</c> ([LINUX-BOOT] setup_data).</summary>
internal static class RandomSeed
{
    internal const int Longest = 512;
    private const uint SetupRandomSeed = 9;
    private const int HeaderLength = 16;

    /// <summary>Writes the node.</summary>
    /// <returns>Its address; 0 where there are no bytes.</returns>
    internal static ulong Write(ReadOnlySpan<byte> seed, GuestWriter writer)
    {
        if (seed.IsEmpty)
        {
            return 0;
        }

        if (seed.Length > Longest)
        {
            throw new BootException($"a random seed of {seed.Length} bytes; up to {Longest} are possible");
        }

        Span<byte> node = stackalloc byte[HeaderLength + Longest];
        node.Clear(); // it is the list's last
        BinaryPrimitives.WriteUInt32LittleEndian(node[8..], SetupRandomSeed);
        BinaryPrimitives.WriteInt32LittleEndian(node[12..], seed.Length);
        seed.CopyTo(node[HeaderLength..]);
        writer.Write(BootArea.RandomSeed, node[..(HeaderLength + seed.Length)]);
        return BootArea.RandomSeed;
    }
}
