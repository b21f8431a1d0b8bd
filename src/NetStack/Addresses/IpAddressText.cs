using System.Globalization;

namespace Makatea.NetStack;

/// <summary>
/// Addresses as text: IPv4 as four numbers, IPv6 as [RFC 4291] 2.2 has it, written as [RFC 5952] 4 wants it. .NET's own brings the errors of sockets and their names along, which images do without.
/// </summary>
internal static class IpAddressText
{
    /// <summary>Characters of the longest address, of eight groups.</summary>
    internal const int MostLength = 39;

    private const int Groups = 8;

    /// <summary>Reads an address of either family; nothing may be before or behind it.</summary>
    internal static bool TryParse(ReadOnlySpan<char> text, out IpAddress address)
    {
        if (text.Contains(':'))
        {
            address = default;
            return TryParse6(text, out UInt128 value) && !(address = new(value)).IsIPv4;
        }

        bool isRight = TryParse4(text, out uint number);
        address = isRight ? IpAddress.FromIPv4(number) : default;
        return isRight;
    }

    /// <summary>Writes an address.</summary>
    /// <returns>How many characters.</returns>
    internal static int Write(IpAddress address, Span<char> text) => address.IsIPv4 ? Write4(address.IPv4, text) : Write6(address.Value, text);

    /// <summary>Four decimal numbers without leading zeros, which some read as octal.</summary>
    private static bool TryParse4(ReadOnlySpan<char> text, out uint number)
    {
        number = 0;
        for (int i = 0; i < IpAddress.Length4; i++)
        {
            int end = i < IpAddress.Length4 - 1 ? text.IndexOf('.') : text.Length;
            if (end is < 1 or > 3 || (end > 1 && text[0] == '0') || !byte.TryParse(text[..end], NumberStyles.None, CultureInfo.InvariantCulture, out byte part))
            {
                return false;
            }

            number = (number << 8) | part;
            text = text[Math.Min(end + 1, text.Length)..];
        }

        return true;
    }

    private static bool TryParse6(ReadOnlySpan<char> text, out UInt128 value)
    {
        value = 0;
        int gap = text.IndexOf("::");
        if (gap < 0)
        {
            return TryReadGroups(text, out value, out int all) && all == Groups;
        }

        // As many groups of zeros as there is room for, one at least.
        if (!TryReadGroups(text[..gap], out UInt128 before, out int first, mayEndInIPv4: false) || !TryReadGroups(text[(gap + 2)..], out UInt128 behind, out int last) || first + last >= Groups)
        {
            return false;
        }

        value = first == 0 ? behind : (before << (16 * (Groups - first))) | behind;
        return true;
    }

    /// <summary>Reads groups with single colons between; the last two may be written as an IPv4 address. Nothing is none.</summary>
    private static bool TryReadGroups(ReadOnlySpan<char> text, out UInt128 value, out int count, bool mayEndInIPv4 = true)
    {
        (value, count) = (0, 0);
        for (bool isMore = text.Length > 0; isMore;)
        {
            int colon = text.IndexOf(':');
            ReadOnlySpan<char> group = colon < 0 ? text : text[..colon];
            isMore = colon >= 0;
            text = text[(colon + 1)..];
            if (!isMore && mayEndInIPv4 && TryParse4(group, out uint four))
            {
                (value, count) = ((value << 32) | four, count + 2);
            }
            else if (group.Length <= 4 && ushort.TryParse(group, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort number))
            {
                (value, count) = ((value << 16) | number, count + 1);
            }
            else
            {
                return false;
            }

            if (count > Groups)
            {
                return false;
            }
        }

        return true;
    }

    private static int Write4(uint number, Span<char> text)
    {
        int length = 0;
        for (int shift = 24; shift >= 0; shift -= 8)
        {
            ((byte)(number >> shift)).TryFormat(text[length..], out int digits, default, CultureInfo.InvariantCulture);
            length += digits;
            if (shift > 0)
            {
                text[length++] = '.';
            }
        }

        return length;
    }

    /// <summary>Lower case, no leading zeros, and <c>::</c> in the place of the first longest run of zeros, of two groups at least.</summary>
    private static int Write6(UInt128 value, Span<char> text)
    {
        (int start, int run) = LongestZeros(value);
        int length = 0;
        for (int i = 0; i < Groups; i++)
        {
            if (i == start)
            {
                (text[length], text[length + 1]) = (':', ':');
                length += 2;
                i += run - 1;
                continue;
            }

            if (i > 0 && i != start + run)
            {
                text[length++] = ':';
            }

            Group(value, i).TryFormat(text[length..], out int digits, "x", CultureInfo.InvariantCulture);
            length += digits;
        }

        return length;
    }

    private static (int Start, int Length) LongestZeros(UInt128 value)
    {
        (int start, int longest) = (-1, 1);
        for (int i = 0, run = 0; i < Groups; i++)
        {
            run = Group(value, i) == 0 ? run + 1 : 0;
            if (run > longest)
            {
                (start, longest) = (i - run + 1, run);
            }
        }

        return start < 0 ? (-1, 0) : (start, longest);
    }

    private static ushort Group(UInt128 value, int index) => (ushort)(value >> (16 * (Groups - 1 - index)));
}
