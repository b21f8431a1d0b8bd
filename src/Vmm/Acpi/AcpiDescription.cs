using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Acpi;

/// <summary>What a guest's ACPI tables tell of its machine.</summary>
public sealed record AcpiDescription
{
    /// <summary>Where things are.</summary>
    public required GuestLayout Layout { get; init; }

    /// <summary>APIC IDs of the processors; the first one boots.</summary>
    public required IReadOnlyList<uint> ApicIds { get; init; }

    /// <summary>Power management's registers.</summary>
    public AcpiPower Power { get; init; } = new();

    /// <summary>ID of the IOAPIC, whose pins are the global interrupts from 0 on.</summary>
    public byte IoApicId { get; init; }

    /// <summary>Pin of the IOAPIC that the timer of ISA (interrupt 0) is wired to.</summary>
    public uint TimerPin { get; init; } = PlatformPins.Pit;

    /// <summary>There is a serial port at 0x3f8, interrupt 4.</summary>
    public bool HasSerialPort { get; init; }

    /// <summary>There is a clock at 0x70, interrupt 8.</summary>
    public bool HasClock { get; init; }

    /// <summary>There is a PCI bus, with ports 0xcf8 to 0xcff, ECAM and the layout's windows.</summary>
    public bool HasPci { get; init; }

    /// <summary>How functions of the PCI bus come and go at run time; null where they don't.</summary>
    public AcpiHotPlug? HotPlug { get; init; }

    /// <summary>Devices of virtio-mmio.</summary>
    public IReadOnlyList<AcpiVirtioDevice> VirtioDevices { get; init; } = [];
}

/// <summary>Where power management's registers are ([ACPI-6.5] 4.8). The interface is always in ACPI mode: there is no SMI command.</summary>
public sealed record AcpiPower
{
    /// <summary>Port of PM1 status and enable, 4 bytes.</summary>
    public ushort EventBlock { get; init; } = PlatformPorts.Power + PowerRegister.Status;

    /// <summary>Port of PM1 control, 2 bytes.</summary>
    public ushort ControlBlock { get; init; } = PlatformPorts.Power + PowerRegister.Control;

    /// <summary>Port of the timer, 4 bytes: 3.579545 MHz, 32 bits.</summary>
    public ushort Timer { get; init; } = PlatformPorts.Power + PowerRegister.Timer;

    /// <summary>Port to which <see cref="ResetValue"/> is written to reset the machine.</summary>
    public ushort Reset { get; init; } = PlatformPorts.Reset;

    /// <summary>What is written there, a byte.</summary>
    public byte ResetValue { get; init; } = ResetControl.ResetValue;

    /// <summary>SLP_TYP that turns the machine off (S5), 0 to 7.</summary>
    public byte SoftOff { get; init; } = PowerRegister.SoftOff;

    /// <summary>Pin of the IOAPIC that power management raises: level triggered, active high.</summary>
    public byte InterruptPin { get; init; } = PlatformPins.Power;
}

/// <summary>Registers by which slots of the PCI bus are attached and detached, and how the guest is told of them.</summary>
/// <param name="Port">First of the 12 ports: slots with something new, slots that are to be given up, slots to eject; a bit each.</param>
/// <param name="Interrupt">Global interrupt that says that there is something to look at: edge triggered, active high.</param>
public sealed record AcpiHotPlug(ushort Port, uint Interrupt);

/// <summary>A device of virtio-mmio ([VIRTIO-1.3] 4.2).</summary>
/// <param name="Address">Where its registers are, <see cref="GuestLayout.VirtioMmioLength"/> bytes below 4 GiB.</param>
/// <param name="Interrupt">Its global interrupt: edge triggered, active high, of its own.</param>
public sealed record AcpiVirtioDevice(ulong Address, uint Interrupt);
