using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Makatea.NetTraffic;

/// <summary>
/// Bytes of a stream, each known from the stream's seed and its place, so that a receiver finds what is lost, doubled, moved or of another stream, and where. Cheaper than a hash for an emulated processor,
/// and it says more.
/// </summary>
internal static class StreamContent
{
    /// <summary>Most bytes that are handled at a time.</summary>
    public const int BlockLength = 1 << 16;

    /// <summary>Fills with the bytes from <paramref name="offset"/> on, which is a multiple of 8; so is the length.</summary>
    public static void Fill(Span<byte> destination, ulong seed, long offset)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(destination);
        ulong place = (ulong)(offset >> 3);
        for (int i = 0; i < words.Length; i++)
        {
            ulong value = (seed ^ ++place) * 0x9e37_79b9_7f4a_7c15;
            words[i] = value ^ (value >> 29);
        }
    }

    /// <summary>Where received bytes differ from the stream's.</summary>
    /// <param name="received">At most <see cref="BlockLength"/> bytes.</param>
    /// <param name="seed">The stream's.</param>
    /// <param name="offset">Their place; any.</param>
    /// <param name="scratch">At least <see cref="BlockLength"/> + 16 bytes.</param>
    /// <returns>The place of the first wrong byte, or -1.</returns>
    public static long FindFault(ReadOnlySpan<byte> received, ulong seed, long offset, Span<byte> scratch)
    {
        int lead = (int)(offset & 7);
        Span<byte> expected = scratch[..((lead + received.Length + 7) & ~7)];
        Fill(expected, seed, offset - lead);
        int same = received.CommonPrefixLength(expected.Slice(lead, received.Length));
        return same == received.Length ? -1 : offset + same;
    }
}

/// <summary>What a client says first: which way the stream goes, and what it holds. 24 bytes, little-endian.</summary>
/// <param name="IsUpload">The client sends; otherwise the server does.</param>
/// <param name="Seed">The stream's.</param>
/// <param name="Length">Its bytes.</param>
internal readonly record struct StreamRequest(bool IsUpload, ulong Seed, long Length)
{
    public const int EncodedLength = 24;

    /// <summary>What a receiver answers when it has all, and all is right.</summary>
    public const byte Whole = 0x2e;

    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, IsUpload ? 1ul : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], Seed);
        BinaryPrimitives.WriteInt64LittleEndian(destination[16..], Length);
    }

    public static StreamRequest Read(ReadOnlySpan<byte> source) =>
        new(BinaryPrimitives.ReadUInt64LittleEndian(source) == 1, BinaryPrimitives.ReadUInt64LittleEndian(source[8..]), BinaryPrimitives.ReadInt64LittleEndian(source[16..]));
}
