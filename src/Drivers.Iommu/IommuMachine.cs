using Makatea.Platform;

namespace Makatea.Drivers.Iommu;

/// <summary>
/// A machine whose interrupt messages are remapped: what the PCI host is given, so that each function can raise only its own. DMA is guarded by the
/// <see cref="IommuDomain"/> that a function is opened with.
/// </summary>
/// <param name="machine">The machine; stays the caller's.</param>
/// <param name="iommu">Its remapping units.</param>
public sealed class IommuMachine(Machine machine, IommuHost iommu) : Machine
{
    /// <inheritdoc/>
    public override RegisterSpace Ports => machine.Ports;

    /// <inheritdoc/>
    public override DmaSpace Physical => machine.Physical;

    /// <inheritdoc/>
    public override IReadOnlyList<ReadOnlyMemory<byte>> AcpiTables => machine.AcpiTables;

    /// <inheritdoc/>
    public override IReadOnlyList<(ulong First, ulong Last)> RegisterWindows => machine.RegisterWindows;

    /// <inheritdoc/>
    public override RegisterSpace MapRegisters(ulong physicalAddress, ulong length) => machine.MapRegisters(physicalAddress, length);

    /// <inheritdoc/>
    public override InterruptMessage CreateMessage(PciAddress function, DmaSpace space)
    {
        InterruptMessage message = machine.CreateMessage(function, space);
        try
        {
            return iommu.Remap(function, message);
        }
        catch
        {
            message.Dispose();
            throw;
        }
    }

    /// <summary>Does nothing: machine and units stay the caller's.</summary>
    protected override void Dispose(bool disposing)
    {
    }
}
