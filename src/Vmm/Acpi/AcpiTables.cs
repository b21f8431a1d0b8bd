using Makatea.Platform;
using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Acpi;

/// <summary>Writes a guest's ACPI tables where firmware has them ([ACPI-6.5] 5.2).</summary>
public static class AcpiTables
{
    private const ulong FacsAlignment = 64;
    private const ulong TableAlignment = 16;

    /// <summary>Writes the tables into the guest's memory.</summary>
    /// <returns>Guest address of the root pointer, for <see cref="BootRequest.RootPointer"/>.</returns>
    /// <exception cref="BootException">They are too long for the place, or the memory does not have it.</exception>
    public static ulong Write(GuestMemory memory, AcpiDescription description)
    {
        IReadOnlyList<PlacedTable> tables = Place(description);
        GuestWriter writer = new(memory);
        foreach (PlacedTable table in tables)
        {
            writer.Write(table.Address, table.Bytes);
        }

        return tables[0].Address;
    }

    /// <summary>Makes the tables; the first is the root pointer. What is pointed to comes first, so that its address is known.</summary>
    internal static IReadOnlyList<PlacedTable> Place(AcpiDescription description)
    {
        ulong root = BootArea.Firmware.First;
        ulong next = root + RootPointer.Length;
        List<PlacedTable> tables = [];
        List<ulong> listed = [];

        ulong facs = Append(Facs.Create(), FacsAlignment);
        ulong dsdt = Append(Dsdt.Create(description), TableAlignment);
        listed.Add(Append(Fadt.Create(description, facs, dsdt), TableAlignment));
        listed.Add(Append(Madt.Create(description), TableAlignment));
        if (description.HasPci)
        {
            listed.Add(Append(Mcfg.Create(), TableAlignment));
        }

        ulong xsdt = Append(Xsdt.Create(listed), TableAlignment);
        return [new(root, RootPointer.Create(xsdt)), .. tables];

        ulong Append(byte[] table, ulong alignment)
        {
            ulong address = (next + (alignment - 1)) & ~(alignment - 1);
            next = address + (ulong)table.Length;
            if (next > BootArea.Firmware.End)
            {
                throw new BootException($"the ACPI tables need more than the {BootArea.Firmware.Length} bytes that there are for them: {description.ApicIds.Count} processors are too many");
            }

            tables.Add(new(address, table));
            return address;
        }
    }
}

/// <summary>A table and its guest address.</summary>
internal readonly record struct PlacedTable(ulong Address, byte[] Bytes);
