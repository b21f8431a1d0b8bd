namespace Makatea.Vmm.Boot;

/// <summary>What a guest is told of a range of addresses ([ACPI-6.5] 15, address range types).</summary>
public enum MemoryMapType
{
    /// <summary>Memory that the guest may use.</summary>
    Usable = 1,

    /// <summary>To be left alone.</summary>
    Reserved = 2,
}

/// <summary>A range of addresses and what it is.</summary>
public readonly record struct MemoryMapEntry(AddressRange Range, MemoryMapType Type);

/// <summary>The map that firmware gives (E820), by ascending address.</summary>
public static class MemoryMap
{
    /// <summary>Makes the map of a guest.</summary>
    public static IReadOnlyList<MemoryMapEntry> Create(GuestLayout layout)
    {
        ulong end = layout.LowMemory.End;
        List<MemoryMapEntry> map =
        [
            new(new(0, BootArea.ConventionalEnd), MemoryMapType.Usable),
            new(BootArea.Firmware, MemoryMapType.Reserved),
            new(new(BootArea.HighMemory, end - BootArea.HighMemory), MemoryMapType.Usable),
            // Linux believes an MCFG only where the addresses are reserved.
            new(GuestLayout.Ecam, MemoryMapType.Reserved),
        ];
        if (layout.HighMemory.Length != 0)
        {
            map.Add(new(layout.HighMemory, MemoryMapType.Usable));
        }

        return map;
    }
}
