using System.Globalization;

namespace Makatea.NetStack;

/// <summary>A network: an address and how many of its first bits count.</summary>
public readonly record struct IpPrefix
{
    /// <summary>All of IPv4.</summary>
    public static readonly IpPrefix All4 = new(IpAddress.Any4, 0);

    /// <summary>All of IPv6.</summary>
    public static readonly IpPrefix All6 = new(IpAddress.Any6, 0);

    /// <summary>Makes a network; bits of <paramref name="address"/> behind the prefix are cleared.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is not 0 to 32 (IPv4) or 0 to 128 (IPv6).</exception>
    public IpPrefix(IpAddress address, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, address.IsIPv4 ? 32 : 128);
        Length = length;
        Mask = MaskOf(address.IsIPv4 ? 96 + length : length);
        Address = new(address.IsIPv4 ? IpAddress.FromIPv4(address.IPv4 & (uint)Mask).Value : address.Value & Mask);
    }

    /// <summary>Its first address.</summary>
    public IpAddress Address { get; }

    /// <summary>Number of bits that count: 0 to 32 or 0 to 128, by family.</summary>
    public int Length { get; }

    private UInt128 Mask { get; }

    /// <summary>Whether an address, of the same family, lies in it.</summary>
    public bool Contains(IpAddress address) => (address.Value & Mask) == (Address.Value & Mask) && address.IsIPv4 == Address.IsIPv4;

    /// <summary>Reads <c>10.137.0.0/16</c>, <c>fd09::/64</c>, or an address alone, which is a network of one. Bits behind the prefix must be clear.</summary>
    public static bool TryParse(string? text, out IpPrefix prefix)
    {
        prefix = default;
        int slash = text?.IndexOf('/') ?? -1;
        if (!IpAddress.TryParse(slash < 0 ? text : text![..slash], out IpAddress address))
        {
            return false;
        }

        int length = address.IsIPv4 ? 32 : 128;
        if (slash >= 0 && (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out length) || length > (address.IsIPv4 ? 32 : 128)))
        {
            return false;
        }

        prefix = new(address, length);
        return prefix.Address == address;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address}/{Length}");

    private static UInt128 MaskOf(int length) => length == 0 ? 0 : UInt128.MaxValue << (128 - length);
}
