namespace Makatea.Drivers.Iommu.Interrupts;

/// <summary>Which vector of which processor a message of a processor's own format raises ([SDM] volume 3, 11.11).</summary>
/// <param name="Destination">APIC ID, 8 bits, or a set of processors where <paramref name="IsLogical"/>.</param>
/// <param name="IsLogical">The destination is a set.</param>
/// <param name="HasHint">One of the set is enough.</param>
/// <param name="LowestPriority">Delivery mode 1 in the place of 0.</param>
/// <param name="Vector">The vector, 16 to 254.</param>
internal readonly record struct InterruptTarget(byte Destination, bool IsLogical, bool HasHint, bool LowestPriority, byte Vector)
{
    /// <summary>First address of messages; writes there are never translated.</summary>
    internal const ulong First = 0xfee0_0000;

    /// <summary>Last address of messages.</summary>
    internal const ulong Last = 0xfeef_ffff;

    /// <summary>Whether a message goes to processors; others are plain writes to memory, which translation guards.</summary>
    internal static bool IsInterruptAddress(ulong address) => address is >= First and <= Last;

    /// <summary>Reads a message.</summary>
    /// <exception cref="ArgumentException">A device may not raise such an interrupt.</exception>
    internal static InterruptTarget Decode(ulong address, uint data)
    {
        const uint Level = 1 << 15;
        uint delivery = (data >> 8) & 7;
        byte vector = (byte)data;
        if (delivery > 1 || (data & Level) != 0 || vector is < 16 or 255)
        {
            throw new ArgumentException($"the message 0x{data:x} raises vector {vector} with delivery mode {delivery}, {((data & Level) != 0 ? "by level" : "by edge")}; devices may raise vectors 16 to 254, mode 0 or 1, by edge");
        }

        return new((byte)(address >> 12), (address & (1 << 2)) != 0, (address & (1 << 3)) != 0, delivery == 1, vector);
    }

    /// <summary>
    /// The lower half of an entry of the interrupt remapping table ([VT-d-4.1] 9.10): present (bit 0), logical (2), hint (3), edge (4), delivery mode (7:5),
    /// vector (23:16), APIC ID of 8 bits (47:40).
    /// </summary>
    internal ulong Encode() =>
        1 | (IsLogical ? 1ul << 2 : 0) | (HasHint ? 1ul << 3 : 0) | (LowestPriority ? 1ul << 5 : 0) | ((ulong)Vector << 16) | ((ulong)Destination << 40);
}
