namespace Makatea.Drivers.E1000;

/// <summary>
/// Offsets of the registers that both controllers have, in bytes from the memory BAR; all are 32 bits wide ([8254x-SDM] 13.2, [82574-DS] 10.2). What only one has is in
/// <see cref="Register82574"/>.
/// </summary>
internal static class Register
{
    /// <summary>Length of the register file in bytes.</summary>
    public const ulong Length = 0x20000;

    /// <summary>CTRL: device control.</summary>
    public const ulong Control = 0x0000;

    /// <summary>STATUS: device status.</summary>
    public const ulong Status = 0x0008;

    /// <summary>EERD: EEPROM read.</summary>
    public const ulong EepromRead = 0x0014;

    /// <summary>CTRL_EXT: extended device control.</summary>
    public const ulong ControlExtended = 0x0018;

    /// <summary>MDIC: MDI control: the way to the PHY's registers.</summary>
    public const ulong MdiControl = 0x0020;

    /// <summary>VET: EtherType of VLAN tags.</summary>
    public const ulong VlanEtherType = 0x0038;

    /// <summary>ICR: interrupt causes; reading or writing ones clears.</summary>
    public const ulong InterruptCause = 0x00c0;

    /// <summary>ITR: least time between interrupts, in units of 256 ns.</summary>
    public const ulong InterruptThrottle = 0x00c4;

    /// <summary>IMS: interrupt mask: ones written allow.</summary>
    public const ulong InterruptMaskSet = 0x00d0;

    /// <summary>IMC: interrupt mask: ones written forbid.</summary>
    public const ulong InterruptMaskClear = 0x00d8;

    /// <summary>RCTL: receive control.</summary>
    public const ulong ReceiveControl = 0x0100;

    /// <summary>TCTL: transmit control.</summary>
    public const ulong TransmitControl = 0x0400;

    /// <summary>TIPG: gap between frames.</summary>
    public const ulong TransmitGap = 0x0410;

    /// <summary>PBA: how the packet buffer is divided: low 16 bits, KiB for receiving.</summary>
    public const ulong PacketBuffer = 0x1000;

    /// <summary>FCRTL: receive threshold below which a pause ends; 0 sends none.</summary>
    public const ulong FlowControlLow = 0x2160;

    /// <summary>FCRTH: receive threshold above which a pause is asked for.</summary>
    public const ulong FlowControlHigh = 0x2168;

    /// <summary>RDBAL: receive ring of queue 0; those of queue 1 are <see cref="RingStride"/> on.</summary>
    public const ulong ReceiveRing = 0x2800;

    /// <summary>RDTR: receive interrupt delay.</summary>
    public const ulong ReceiveDelay = 0x2820;

    /// <summary>RXDCTL: receive descriptor control, by queue.</summary>
    public const ulong ReceiveDescriptorControl = 0x2828;

    /// <summary>RADV: receive absolute interrupt delay.</summary>
    public const ulong ReceiveAbsoluteDelay = 0x282c;

    /// <summary>TDBAL: transmit ring of queue 0; those of queue 1 are <see cref="RingStride"/> on.</summary>
    public const ulong TransmitRing = 0x3800;

    /// <summary>TIDV: transmit interrupt delay.</summary>
    public const ulong TransmitDelay = 0x3820;

    /// <summary>TXDCTL: transmit descriptor control, by queue.</summary>
    public const ulong TransmitDescriptorControl = 0x3828;

    /// <summary>TADV: transmit absolute interrupt delay.</summary>
    public const ulong TransmitAbsoluteDelay = 0x382c;

    /// <summary>RXCSUM: receive checksum control.</summary>
    public const ulong ReceiveChecksum = 0x5000;

    /// <summary>MTA: multicast table, 128 registers.</summary>
    public const ulong MulticastTable = 0x5200;

    /// <summary>RAL and RAH: exact addresses, 16 pairs of registers.</summary>
    public const ulong ReceiveAddress = 0x5400;

    /// <summary>VFTA: VLAN table, 128 registers.</summary>
    public const ulong VlanTable = 0x5600;

    /// <summary>WUC: wake-up control.</summary>
    public const ulong WakeUpControl = 0x5800;

    /// <summary>From the registers of a queue to those of the next.</summary>
    public const ulong RingStride = 0x100;

    /// <summary>xDBAL: in a ring's registers: its address, low 32 bits.</summary>
    public const ulong RingBaseLow = 0x00;

    /// <summary>xDBAH: in a ring's registers: its address, high 32 bits.</summary>
    public const ulong RingBaseHigh = 0x04;

    /// <summary>xDLEN: in a ring's registers: its length in bytes, a multiple of 128.</summary>
    public const ulong RingLength = 0x08;

    /// <summary>xDH: in a ring's registers: the next descriptor of the controller's.</summary>
    public const ulong RingHead = 0x10;

    /// <summary>xDT: in a ring's registers: the first descriptor that is not the controller's.</summary>
    public const ulong RingTail = 0x18;

    /// <summary>Entries of <see cref="ReceiveAddress"/>.</summary>
    public const int ReceiveAddresses = 16;

    /// <summary>Registers of <see cref="MulticastTable"/> and of <see cref="VlanTable"/>, 32 bits each.</summary>
    public const int TableRegisters = 128;
}
