using System.Buffers.Binary;
using System.Text;

namespace Makatea.Vmm.Acpi;

/// <summary>The pieces that AML is made of ([ACPI-6.5] 20.2).</summary>
internal static class AmlEncoding
{
    private const byte RootCharacter = (byte)'\\';
    private const byte DualNamePrefix = 0x2e;
    private const byte MultiNamePrefix = 0x2f;
    private const int SegmentLength = 4;
    private const int LongestPackage = (1 << 28) - 1;

    /// <summary>Appends a name: a path from the root where it starts with a backslash, segments separated by dots and filled with underscores (20.2.2).</summary>
    internal static void AppendName(List<byte> bytes, string name)
    {
        if (name.StartsWith('\\'))
        {
            bytes.Add(RootCharacter);
        }

        string[] segments = name.TrimStart('\\').Split('.');
        if (segments.Length == 2)
        {
            bytes.Add(DualNamePrefix);
        }
        else if (segments.Length > 2)
        {
            bytes.Add(MultiNamePrefix);
            bytes.Add(checked((byte)segments.Length));
        }

        foreach (string segment in segments)
        {
            if (segment.Length is 0 or > SegmentLength || segment.Any(c => !(char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c) || c == '_')) || char.IsAsciiDigit(segment[0]))
            {
                throw new ArgumentException($"'{segment}' of {name} is no name of ACPI", nameof(name));
            }

            bytes.AddRange(Encoding.ASCII.GetBytes(segment.PadRight(SegmentLength, '_')));
        }
    }

    /// <summary>Appends a package with its length in front, which counts its own bytes (20.2.4).</summary>
    internal static void AppendPackage(List<byte> bytes, IReadOnlyCollection<byte> content)
    {
        for (int own = 1; own <= 4; own++)
        {
            // One byte holds 6 bits; of several, the first holds 4.
            int largest = own == 1 ? 0x3f : (1 << (4 + 8 * (own - 1))) - 1;
            if (content.Count + own <= largest)
            {
                AppendLength(bytes, content.Count + own, own);
                bytes.AddRange(content);
                return;
            }
        }

        throw new ArgumentException($"{content.Count} bytes in a package of AML, which takes {LongestPackage}", nameof(content));
    }

    /// <summary>Appends the length of a field in bits, which is written like that of a package but counts nothing else.</summary>
    internal static void AppendFieldLength(List<byte> bytes, int bits) => AppendLength(bytes, bits, bits <= 0x3f ? 1 : 2);

    /// <summary>An identifier such as PNP0501: three letters of 5 bits and four hexadecimal digits, most significant byte first (19.3.4).</summary>
    internal static uint EisaId(string id)
    {
        uint letters = (uint)((id[0] - '@') << 10 | (id[1] - '@') << 5 | (id[2] - '@'));
        return BinaryPrimitives.ReverseEndianness(letters << 16 | Convert.ToUInt32(id[3..], 16));
    }

    private static void AppendLength(List<byte> bytes, int length, int own)
    {
        if (own == 1)
        {
            bytes.Add((byte)length);
            return;
        }

        bytes.Add((byte)((own - 1) << 6 | (length & 0xf)));
        for (int i = 1; i < own; i++)
        {
            bytes.Add((byte)(length >> (4 + 8 * (i - 1))));
        }
    }
}
