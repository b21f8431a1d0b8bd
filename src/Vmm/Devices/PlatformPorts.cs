namespace Makatea.Vmm;

/// <summary>Where the platform's devices are among the I/O ports. The ACPI tables say the same to the guest.</summary>
public static class PlatformPorts
{
    /// <summary>8254: <see cref="PitLength"/> ports.</summary>
    public const ushort Pit = 0x40;

    /// <summary>Ports of the 8254.</summary>
    public const ushort PitLength = 4;

    /// <summary>System control port B: gate and output of the 8254's counter 2.</summary>
    public const ushort PortB = 0x61;

    /// <summary>Command and status of what stands for a keyboard controller.</summary>
    public const ushort KeyboardCommand = 0x64;

    /// <summary>MC146818: index and data.</summary>
    public const ushort Rtc = 0x70;

    /// <summary>Ports of the MC146818.</summary>
    public const ushort RtcLength = 2;

    /// <summary>16550A, COM1: <see cref="SerialLength"/> ports.</summary>
    public const ushort Serial = 0x3f8;

    /// <summary>Ports of a 16550A.</summary>
    public const ushort SerialLength = 8;

    /// <summary>ACPI's fixed registers (<see cref="PowerRegister"/>): <see cref="PowerLength"/> ports.</summary>
    public const ushort Power = 0x600;

    /// <summary>Ports of ACPI's fixed registers.</summary>
    public const ushort PowerLength = 12;

    /// <summary>Slots of the PCI bus that come and go (<see cref="Pci.HotPlugController"/>).</summary>
    public const ushort HotPlug = 0x620;

    /// <summary>Reset control, inside the ports of PCI's configuration: a host bridge passes accesses of 1 byte on.</summary>
    public const ushort Reset = 0xcf9;
}

/// <summary>Which pins of the I/O APIC the platform's devices have: their global system interrupts.</summary>
public static class PlatformPins
{
    /// <summary>8254: ISA interrupt 0, as an override says; an edge.</summary>
    public const int Pit = 2;

    /// <summary>COM1: ISA interrupt 4, an edge.</summary>
    public const int Serial = 4;

    /// <summary>MC146818: ISA interrupt 8, an edge.</summary>
    public const int Rtc = 8;

    /// <summary>ACPI's SCI: a level, as an override says.</summary>
    public const int Power = 9;

    /// <summary>Slots of the PCI bus that come and go: an edge.</summary>
    public const int HotPlug = 16;

    /// <summary>Devices of virtio-mmio, from here to the last pin: an edge each.</summary>
    public const int FirstVirtioMmio = 17;
}
