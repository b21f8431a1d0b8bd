namespace Makatea.Platform;

/// <summary>
/// The machine as its trusted base sees it: physical addresses, I/O ports, firmware tables. Drivers of the host bridge and of the IOMMU work on it; what they hand out
/// (<see cref="PciFunction"/>, <see cref="DmaSpace"/>) is what other components get.
/// </summary>
public abstract class Machine : IDisposable
{
    /// <summary>I/O ports, 64 KiB.</summary>
    public abstract RegisterSpace Ports { get; }

    /// <summary>Memory at its physical addresses: what a device reaches where nothing translates.</summary>
    public abstract DmaSpace Physical { get; }

    /// <summary>The ACPI tables that the firmware gives, whole, in its order; not checked.</summary>
    public abstract IReadOnlyList<ReadOnlyMemory<byte>> AcpiTables { get; }

    /// <summary>Addresses below 4 GiB, and above, that are free for the registers of PCI functions where the firmware assigned none.</summary>
    public abstract IReadOnlyList<(ulong First, ulong Last)> RegisterWindows { get; }

    /// <summary>Device registers at a physical address.</summary>
    /// <exception cref="IOException">They cannot be reached.</exception>
    public abstract RegisterSpace MapRegisters(ulong physicalAddress, ulong length);

    /// <summary>Makes an interrupt message for a function whose DMA takes place in <paramref name="space"/>.</summary>
    /// <exception cref="IOException">There is none left.</exception>
    public abstract InterruptMessage CreateMessage(PciAddress function, DmaSpace space);

    /// <summary>Gives the machine up.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the machine up.</summary>
    protected abstract void Dispose(bool disposing);
}
