using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>The non-volatile memory behind EERD, 16-bit words ([8254x-SDM] 5.6, [82574-DS] 6.1): the adapter's address, and a checksum over all.</summary>
internal static class Nvm
{
    private const uint Start = 1;
    private const int DataShift = 16;
    private const int Words = 64;
    private const ushort Sum = 0xbaba;

    /// <summary>Reads the adapter's address: from the NVM where its checksum is right, else what the controller loaded or somebody set.</summary>
    /// <exception cref="E1000Exception">There is no address in either.</exception>
    public static MacAddress ReadAddress(RegisterSpace registers, ChipInfo chip)
    {
        Span<byte> bytes = stackalloc byte[MacAddress.Length];
        if (!TryRead(registers, chip, bytes))
        {
            uint low = registers.ReadUInt32(Register.ReceiveAddress);
            uint high = registers.ReadUInt32(Register.ReceiveAddress + 4);
            for (int i = 0; i < 4; i++)
            {
                bytes[i] = (byte)(low >> (8 * i));
            }

            bytes[4] = (byte)high;
            bytes[5] = (byte)(high >> 8);
        }

        var address = MacAddress.Read(bytes);
        return address.Value != 0 && !address.IsMulticast
            ? address
            : throw new E1000Exception($"the {chip.Name}'s NVM has no valid checksum, and its address register holds {address}, which is no station's address");
    }

    private static bool TryRead(RegisterSpace registers, ChipInfo chip, Span<byte> address)
    {
        using var ownership = new Ownership(registers, chip);
        ushort sum = 0;
        for (int i = 0; i < Words; i++)
        {
            registers.WriteUInt32(Register.EepromRead, Start | ((uint)i << chip.EepromAddressShift));
            if (!Poll.Until(registers, Register.EepromRead, chip.EepromDone, chip.EepromDone, TimeSpan.FromMilliseconds(10)))
            {
                return false;
            }

            ushort word = (ushort)(registers.ReadUInt32(Register.EepromRead) >> DataShift);
            sum += word;
            if (i < MacAddress.Length / 2)
            {
                address[2 * i] = (byte)word;
                address[(2 * i) + 1] = (byte)(word >> 8);
            }
        }

        return sum == Sum;
    }
}
