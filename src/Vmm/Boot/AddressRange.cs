namespace Makatea.Vmm.Boot;

/// <summary>A range of guest-physical addresses that does not wrap.</summary>
/// <param name="First">Its first address.</param>
/// <param name="Length">Its length in bytes.</param>
public readonly record struct AddressRange(ulong First, ulong Length)
{
    /// <summary>The address behind it.</summary>
    public ulong End => First + Length;

    /// <summary>Its last address; only of a range that is not empty.</summary>
    public ulong Last => First + (Length - 1);

    /// <summary>Whether all of <paramref name="other"/> lies in it.</summary>
    public bool Contains(AddressRange other) =>
        other.First >= First && other.First - First <= Length && other.Length <= Length - (other.First - First);

    /// <summary>Whether they have a byte in common.</summary>
    public bool Overlaps(AddressRange other) =>
        Length != 0 && other.Length != 0 && First <= other.Last && other.First <= Last;

    /// <inheritdoc/>
    public override string ToString() => Length == 0 ? $"nothing at 0x{First:x}" : $"0x{First:x} to 0x{Last:x}";
}
