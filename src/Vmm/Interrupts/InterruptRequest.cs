namespace Makatea.Vmm;

/// <summary>An interrupt on its way to local APICs.</summary>
/// <param name="Destination">An APIC ID, or a set of logical IDs.</param>
/// <param name="IsLogical">Which of the two.</param>
/// <param name="Mode">What it does there.</param>
/// <param name="Vector">Vector, or page of a start-up.</param>
/// <param name="IsLevel">Whether its end is to be told to the I/O APICs.</param>
public readonly record struct InterruptRequest(uint Destination, bool IsLogical, DeliveryMode Mode, byte Vector, bool IsLevel)
{
    /// <summary>Everybody, as a physical destination or a logical one of x2APIC.</summary>
    public const uint Everybody = uint.MaxValue;

    private const byte EverybodyInByte = 0xff;

    /// <summary>A destination of 8 bits, as messages, redirection entries and ICR in xAPIC mode have it ([SDM] volume 3, 11.6.2.1).</summary>
    public static uint Widen(byte destination, bool isLogical) => destination == EverybodyInByte && !isLogical ? Everybody : destination;

    /// <summary>What an interrupt message says ([SDM] volume 3, 11.11.1 and 11.11.2).</summary>
    /// <param name="address">Address: destination, redirection hint, destination mode.</param>
    /// <param name="data">Data: vector, delivery mode, level, trigger mode.</param>
    /// <param name="request">The interrupt.</param>
    /// <returns>False where this is no message.</returns>
    public static bool TryParse(ulong address, uint data, out InterruptRequest request)
    {
        bool isLogical = (address & 1 << 2) != 0;
        bool isHinted = (address & 1 << 3) != 0;
        var mode = (DeliveryMode)((data >> 8) & 7);
        if (isHinted && mode == DeliveryMode.Fixed)
        {
            mode = DeliveryMode.LowestPriority;
        }

        bool isLevel = (data & 1 << 15) != 0;
        request = new(Widen((byte)(address >> 12), isLogical), isLogical, mode, (byte)data, isLevel);
        bool isDeassertion = isLevel && (data & 1 << 14) == 0;
        return address - InterruptController.MessageBase < InterruptController.MessageLength && !isDeassertion;
    }
}
