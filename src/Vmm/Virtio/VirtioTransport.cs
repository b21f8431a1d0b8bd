namespace Makatea.Vmm.Virtio;

/// <summary>How a guest reaches a virtio device ([VIRTIO-1.3] 4).</summary>
public enum VirtioTransport
{
    /// <summary>A function of the PCI bus, with messages of its own (4.1).</summary>
    Pci,

    /// <summary>Registers in memory that the ACPI tables tell of, and a pin of the I/O APIC (4.2).</summary>
    Mmio,
}
