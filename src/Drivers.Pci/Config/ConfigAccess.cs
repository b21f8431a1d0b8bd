using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>The configuration space of all functions of a machine. From any thread.</summary>
internal abstract class ConfigAccess
{
    private const uint AllOnes = uint.MaxValue;

    /// <summary>Segments and the first and last bus of each.</summary>
    public abstract IReadOnlyList<(ushort Segment, byte First, byte Last)> Buses { get; }

    /// <summary>Length of a function's space that can be reached, in bytes.</summary>
    public abstract int Length { get; }

    /// <summary>The best access that the machine offers: ECAM where its MCFG table says where, else ports.</summary>
    /// <exception cref="InvalidDataException">The table is broken.</exception>
    public static ConfigAccess Create(Machine machine) =>
        AcpiTable.Find(machine.AcpiTables, EcamConfig.Signature) is { } table ? new EcamConfig(machine, table) : new PortConfig(machine.Ports);

    /// <summary>Reads; all ones where no function is.</summary>
    /// <param name="function">The function.</param>
    /// <param name="offset">Offset, aligned to its width and inside <see cref="Length"/>.</param>
    /// <param name="width">1, 2 or 4.</param>
    public abstract uint Read(PciAddress function, int offset, int width);

    /// <summary>Writes.</summary>
    /// <param name="function">The function.</param>
    /// <param name="offset">Offset, aligned to its width and inside <see cref="Length"/>.</param>
    /// <param name="width">1, 2 or 4.</param>
    /// <param name="value">The value, in the low bits.</param>
    public abstract void Write(PciAddress function, int offset, int width, uint value);

    /// <summary>Vendor, class and so on; null where no function is.</summary>
    public PciIdentity? Identify(PciAddress function)
    {
        uint id = Read(function, PciConfig.VendorId, 4);
        if (id == AllOnes || (ushort)id is 0 or ushort.MaxValue)
        {
            return null;
        }

        uint code = Read(function, PciConfig.RevisionId, 4);
        uint subsystem = (Read(function, PciConfig.HeaderType, 1) & 0x7f) == 0 ? Read(function, PciConfig.SubsystemVendorId, 4) : 0;
        return PciIdentity.FromConfig(id, code, subsystem);
    }
}
