using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Makatea.Platform;

/// <summary>Where a PCI function is: <c>0000:00:1f.2</c>, as Linux, QEMU and lspci write it.</summary>
/// <param name="Segment">PCI segment group.</param>
/// <param name="Bus">Bus number.</param>
/// <param name="Device">Device number, 0 to 31.</param>
/// <param name="Function">Function number, 0 to 7.</param>
public readonly record struct PciAddress(ushort Segment, byte Bus, byte Device, byte Function) : IComparable<PciAddress>
{
    /// <summary>The requester ID within its segment: bus, device, function in 8, 5 and 3 bits. IOMMUs know a function by it.</summary>
    public ushort RequesterId => (ushort)((Bus << 8) | (Device << 3) | Function);

    /// <summary>The function that a requester ID names.</summary>
    public static PciAddress FromRequesterId(ushort segment, ushort requesterId) =>
        new(segment, (byte)(requesterId >> 8), (byte)((requesterId >> 3) & 31), (byte)(requesterId & 7));

    /// <summary>Reads <c>0000:00:1f.2</c>, or <c>00:1f.2</c> of segment 0.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out PciAddress address)
    {
        address = default;
        string[] parts = text?.Split(':') ?? [];
        string[] last = parts.Length is 2 or 3 ? parts[^1].Split('.') : [];
        ushort segment = 0;
        if (last.Length != 2
            || (parts.Length == 3 && !TryHex(parts[0], 4, ushort.MaxValue, out segment)) || !TryHex(parts[^2], 2, byte.MaxValue, out ushort bus)
            || !TryHex(last[0], 2, 31, out ushort device) || !TryHex(last[1], 1, 7, out ushort function))
        {
            return false;
        }

        address = new(segment, (byte)bus, (byte)device, (byte)function);
        return true;
    }

    /// <inheritdoc/>
    public int CompareTo(PciAddress other) => (Segment, RequesterId).CompareTo((other.Segment, other.RequesterId));

    /// <inheritdoc/>
    public override string ToString() => $"{Segment:x4}:{Bus:x2}:{Device:x2}.{Function}";

    private static bool TryHex(string text, int digits, ushort most, out ushort value)
    {
        value = 0;
        return text.Length <= digits && ushort.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value) && value <= most;
    }
}
