using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>
/// Keeps the 82574L's management firmware off the NVM and the MDI bus while software uses them ([82574-DS] 4.8): the bit can be set only while the firmware has neither.
/// Firmware that never gives them up is not waited for beyond 100 ms.
/// </summary>
internal readonly ref struct Ownership
{
    private readonly RegisterSpace _registers;
    private readonly bool _isNeeded;

    public Ownership(RegisterSpace registers, ChipInfo chip)
    {
        _registers = registers;
        _isNeeded = chip.Is82574;
        for (int i = 0; _isNeeded && i < 50; i++)
        {
            uint value = registers.ReadUInt32(Register82574.ExtendedConfiguration);
            registers.WriteUInt32(Register82574.ExtendedConfiguration, value | ExtendedConfigurationBits.SoftwareOwns);
            if ((registers.ReadUInt32(Register82574.ExtendedConfiguration) & ExtendedConfigurationBits.SoftwareOwns) != 0)
            {
                return;
            }

            Thread.Sleep(2);
        }
    }

    public void Dispose()
    {
        if (_isNeeded)
        {
            uint value = _registers.ReadUInt32(Register82574.ExtendedConfiguration);
            _registers.WriteUInt32(Register82574.ExtendedConfiguration, value & ~ExtendedConfigurationBits.SoftwareOwns);
        }
    }
}
