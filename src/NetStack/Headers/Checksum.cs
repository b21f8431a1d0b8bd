using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Makatea.NetStack;

/// <summary>
/// The internet checksum ([RFC 1071]): ones' complement sums of 16-bit words. Sums are kept as 64-bit numbers of words as they lie in memory, on a little-endian machine with their bytes swapped, which
/// such a sum does not mind ([RFC 1071] 2B); what is read from and written to fields here is in the order of the wire.
/// </summary>
public static class Checksum
{
    /// <summary>Adds bytes to a sum. Those of a sum are added in pieces of even length, but the last.</summary>
    /// <param name="bytes">The bytes, fewer than 2^31.</param>
    /// <param name="sum">What was added before, from 0.</param>
    /// <returns>The sum; not folded, to be added to or to be <see cref="Fold">folded</see>.</returns>
    public static ulong Add(ReadOnlySpan<byte> bytes, ulong sum = 0)
    {
        if (Vector128.IsHardwareAccelerated && bytes.Length >= 2 * Vector128<byte>.Count)
        {
            sum = AddVectors(ref bytes, sum);
        }

        while (bytes.Length >= sizeof(uint))
        {
            sum += BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            bytes = bytes[sizeof(uint)..];
        }

        if (bytes.Length >= sizeof(ushort))
        {
            sum += BinaryPrimitives.ReadUInt16LittleEndian(bytes);
            bytes = bytes[sizeof(ushort)..];
        }

        return bytes.IsEmpty ? sum : sum + bytes[0];
    }

    /// <summary>Adds a word, given as a number in the machine's order.</summary>
    public static ulong AddWord(ushort word, ulong sum) => sum + BinaryPrimitives.ReverseEndianness(word);

    /// <summary>Adds the sum of further bytes that lie at an odd distance from the first ([RFC 1071] 2B).</summary>
    public static ulong AddOdd(ulong odd, ulong sum) => sum + BinaryPrimitives.ReverseEndianness(FoldRaw(odd));

    /// <summary>Folds a sum into 16 bits, as a number whose high byte comes first on the wire. A checksum is the complement of that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Fold(ulong sum) => BinaryPrimitives.ReverseEndianness(FoldRaw(sum));

    /// <summary>Bytes with their checksum among them are as they were summed.</summary>
    public static bool IsRight(ReadOnlySpan<byte> bytes, ulong sum = 0) => FoldRaw(Add(bytes, sum)) == 0xffff;

    /// <summary>Sum of the pseudo header of IPv4 ([RFC 9293] 3.1) or IPv6 ([RFC 8200] 8.1).</summary>
    /// <param name="addresses">Source and destination as they lie in the header: 8 or 32 bytes.</param>
    /// <param name="protocol">Protocol of the transport.</param>
    /// <param name="length">Length of the transport header and its payload.</param>
    public static ulong PseudoHeader(ReadOnlySpan<byte> addresses, byte protocol, int length) =>
        Add(addresses, AddWord(protocol, AddWord((ushort)length, (ulong)BinaryPrimitives.ReverseEndianness((ushort)(length >> 16)))));

    /// <summary>Sum of a pseudo header, from addresses that are no longer, or not yet, in a header.</summary>
    public static ulong PseudoHeader(IpAddress source, IpAddress destination, byte protocol, int length)
    {
        Span<byte> addresses = stackalloc byte[2 * IpAddress.Length6];
        int half = source.Write(addresses);
        destination.Write(addresses[half..]);
        return PseudoHeader(addresses[..(2 * half)], protocol, length);
    }

    /// <summary>Writes the checksum of a sum into its field.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(Span<byte> field, ulong sum) => BinaryPrimitives.WriteUInt16LittleEndian(field, (ushort)~FoldRaw(sum));

    /// <summary>Writes the checksum of UDP, for which 0 means that there is none ([RFC 768]), so that its other form is written.</summary>
    public static void WriteUdp(Span<byte> field, ulong sum)
    {
        ushort checksum = (ushort)~FoldRaw(sum);
        BinaryPrimitives.WriteUInt16LittleEndian(field, checksum == 0 ? ushort.MaxValue : checksum);
    }

    /// <summary>Changes a checksum for a word that changed: HC' = ~(~HC + ~m + m') ([RFC 1624] 3).</summary>
    /// <param name="field">The checksum.</param>
    /// <param name="old">What the word was, as a number in the machine's order.</param>
    /// <param name="value">What it is.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Update(Span<byte> field, ushort old, ushort value) =>
        Update(field, Difference(BinaryPrimitives.ReverseEndianness(old), BinaryPrimitives.ReverseEndianness(value)));

    /// <summary>What has to be added to sums over <paramref name="old"/> for them to be over <paramref name="value"/>, such as addresses, which lie at an even distance in header and pseudo header.</summary>
    /// <param name="old">What the bytes were.</param>
    /// <param name="value">What they are: as many, an even number.</param>
    public static ulong Difference(ReadOnlySpan<byte> old, ReadOnlySpan<byte> value) => (ulong)(ushort)~FoldRaw(Add(old)) + FoldRaw(Add(value));

    /// <summary>Changes a checksum by a <see cref="Difference(ReadOnlySpan{byte}, ReadOnlySpan{byte})"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Update(Span<byte> field, ulong difference) =>
        BinaryPrimitives.WriteUInt16LittleEndian(field, (ushort)~FoldRaw((ushort)~BinaryPrimitives.ReadUInt16LittleEndian(field) + difference));

    /// <summary>Changes a checksum of UDP, unless there is none.</summary>
    public static void UpdateUdp(Span<byte> field, ulong difference)
    {
        ushort old = BinaryPrimitives.ReadUInt16LittleEndian(field);
        if (old != 0)
        {
            ushort value = (ushort)~FoldRaw((ushort)~old + difference);
            BinaryPrimitives.WriteUInt16LittleEndian(field, value == 0 ? ushort.MaxValue : value);
        }
    }

    /// <summary>Changes a sum that a field holds in place of a checksum, for work that is left to a port, by a difference.</summary>
    public static void UpdatePartial(Span<byte> field, ulong difference) =>
        BinaryPrimitives.WriteUInt16LittleEndian(field, FoldRaw(BinaryPrimitives.ReadUInt16LittleEndian(field) + difference));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Difference(ushort old, ushort value) => (ulong)(ushort)~old + value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort FoldRaw(ulong sum)
    {
        sum = (sum & uint.MaxValue) + (sum >> 32);
        sum = (sum & uint.MaxValue) + (sum >> 32);
        uint half = (uint)(sum & 0xffff) + (uint)(sum >> 16);
        half = (half & 0xffff) + (half >> 16);
        return (ushort)half;
    }

    /// <summary>Adds pieces of 32 bytes: 32-bit words into four 64-bit sums.</summary>
    private static ulong AddVectors(ref ReadOnlySpan<byte> bytes, ulong sum)
    {
        Vector128<ulong> low = Vector128<ulong>.Zero;
        Vector128<ulong> high = Vector128<ulong>.Zero;
        ReadOnlySpan<byte> left = bytes;
        while (left.Length >= 2 * Vector128<byte>.Count)
        {
            Vector128<uint> first = Vector128.Create(left).AsUInt32();
            Vector128<uint> second = Vector128.Create(left[Vector128<byte>.Count..]).AsUInt32();
            (Vector128<ulong> firstLow, Vector128<ulong> firstHigh) = Vector128.Widen(first);
            (Vector128<ulong> secondLow, Vector128<ulong> secondHigh) = Vector128.Widen(second);
            low += firstLow + secondLow;
            high += firstHigh + secondHigh;
            left = left[(2 * Vector128<byte>.Count)..];
        }

        bytes = left;
        return sum + Vector128.Sum(low + high);
    }
}
