using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Makatea.Tests.Traffic;

/// <summary>The checksum of IP, TCP and UDP (RFC 1071), written apart from what drivers have of it.</summary>
internal static class InternetChecksum
{
    /// <summary>The ones' complement sum of big-endian 16-bit words, with what was summed before. After an odd byte a zero is thought.</summary>
    public static ushort Sum(ReadOnlySpan<byte> bytes, uint start = 0)
    {
        // As little-endian words, which gives the sum with its bytes swapped (RFC 1071, 2 B); the carries of each 32-bit word are kept above it.
        ulong sum = 0;
        foreach (uint word in MemoryMarshal.Cast<byte, uint>(bytes))
        {
            sum += word;
        }

        ReadOnlySpan<byte> rest = bytes[(bytes.Length & ~3)..];
        for (int i = 0; i < rest.Length; i++)
        {
            sum += (ulong)rest[i] << (8 * (i & 1));
        }

        return Fold(BinaryPrimitives.ReverseEndianness(Fold(sum)) + (ulong)start);
    }

    private static ushort Fold(ulong sum)
    {
        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (ushort)sum;
    }
}
