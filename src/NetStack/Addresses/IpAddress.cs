using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// An IPv4 or IPv6 address as a value. IPv4 addresses are kept as ::ffff:a.b.c.d ([RFC 4291] 2.5.5.2), which no packet may carry: one comparison serves both families.
/// </summary>
/// <param name="Value">The 128 bits, the first byte on the wire in the highest.</param>
public readonly record struct IpAddress(UInt128 Value) : IComparable<IpAddress>
{
    /// <summary>Length of an IPv4 address in bytes.</summary>
    public const int Length4 = 4;

    /// <summary>Length of an IPv6 address in bytes.</summary>
    public const int Length6 = 16;

    /// <summary>0.0.0.0.</summary>
    public static readonly IpAddress Any4 = FromIPv4(0);

    /// <summary>255.255.255.255.</summary>
    public static readonly IpAddress Broadcast4 = FromIPv4(uint.MaxValue);

    /// <summary>::.</summary>
    public static readonly IpAddress Any6;

    private static readonly UInt128 _mapped = (UInt128)0xffff << 32;

    /// <summary>The address is an IPv4 address.</summary>
    public bool IsIPv4 => Value >> 32 == 0xffff;

    /// <summary>The 32 bits of an IPv4 address.</summary>
    public uint IPv4 => (uint)Value;

    /// <summary>0.0.0.0 or ::.</summary>
    public bool IsUnspecified => Value == 0 || Value == _mapped;

    /// <summary>The address is that of a group: 224.0.0.0/4 or ff00::/8.</summary>
    public bool IsMulticast => IsIPv4 ? IPv4 >> 28 == 0xe : (byte)(Value >> 120) == 0xff;

    /// <summary>127.0.0.0/8 or ::1.</summary>
    public bool IsLoopback => IsIPv4 ? IPv4 >> 24 == 127 : Value == 1;

    /// <summary>169.254.0.0/16 or fe80::/10.</summary>
    public bool IsLinkLocal => IsIPv4 ? IPv4 >> 16 == 0xa9fe : (uint)(Value >> 118) == 0x3fa;

    /// <summary>Makes an IPv4 address of its 32 bits, the first byte on the wire in the highest.</summary>
    public static IpAddress FromIPv4(uint value) => new(((UInt128)0xffff << 32) | value);

    /// <summary>Reads four bytes in the order of the wire.</summary>
    public static IpAddress ReadIPv4(ReadOnlySpan<byte> bytes) => FromIPv4(BinaryPrimitives.ReadUInt32BigEndian(bytes));

    /// <summary>Reads sixteen bytes in the order of the wire.</summary>
    public static IpAddress ReadIPv6(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt128BigEndian(bytes));

    /// <summary>Writes four or sixteen bytes in the order of the wire, by family.</summary>
    /// <returns>How many.</returns>
    public int Write(Span<byte> bytes)
    {
        if (IsIPv4)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, IPv4);
            return Length4;
        }

        BinaryPrimitives.WriteUInt128BigEndian(bytes, Value);
        return Length6;
    }

    /// <summary>The link-local address that is made of an Ethernet address: ff:fe in its middle, the bit for universal ones inverted ([RFC 4291] appendix A).</summary>
    public static IpAddress LinkLocal(MacAddress address)
    {
        ulong identifier = ((address.Value & 0xffff_ff00_0000) << 16) | 0xff_fe00_0000 | (address.Value & 0xff_ffff);
        return new(((UInt128)0xfe80 << 112) | (identifier ^ 0x0200_0000_0000_0000));
    }

    /// <summary>Reads <c>10.137.0.5</c> or <c>fd09:24ef:4179::5</c>; of IPv4 the form with four numbers alone.</summary>
    public static bool TryParse(string? text, out IpAddress address) => IpAddressText.TryParse(text, out address);

    /// <summary>Compares lists, in order. (LINQ over values is compiled for each of them: Sequences.)</summary>
    internal static bool AreEqual(IReadOnlyList<IpAddress> one, IReadOnlyList<IpAddress> other)
    {
        if (one.Count != other.Count)
        {
            return false;
        }

        for (int i = 0; i < one.Count; i++)
        {
            if (one[i] != other[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public int CompareTo(IpAddress other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString()
    {
        Span<char> text = stackalloc char[IpAddressText.MostLength];
        return new(text[..IpAddressText.Write(this, text)]);
    }
}
