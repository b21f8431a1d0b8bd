using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Drivers.Iommu;

/// <summary>
/// What firmware says of the machine's remapping units: the ACPI table DMAR ([VT-d-4.1] 8.1). Every length in it is checked before it is used; a table that contradicts
/// itself is refused as a whole, as nobody can say which half of it to believe.
/// </summary>
public sealed class DmarTable
{
    private const int FixedLength = 12;
    private const int StructureHeader = 4;
    private const ulong PageMask = 0xfff;

    private DmarTable(int hostAddressBits, DmarFlags flags, IReadOnlyList<DmarUnit> units, IReadOnlyList<ReservedRegion> reservedRegions)
    {
        HostAddressBits = hostAddressBits;
        Flags = flags;
        Units = units;
        ReservedRegions = reservedRegions;
    }

    private enum StructureType : ushort
    {
        Unit = 0,
        ReservedRegion = 1,
    }

    /// <summary>The highest physical address for DMA plus one is two to this many bits.</summary>
    public int HostAddressBits { get; }

    /// <summary>What the platform supports.</summary>
    public DmarFlags Flags { get; }

    /// <summary>The remapping units (DRHD); at least one.</summary>
    public IReadOnlyList<DmarUnit> Units { get; }

    /// <summary>Memory that firmware lets devices use (RMRR).</summary>
    public IReadOnlyList<ReservedRegion> ReservedRegions { get; }

    /// <summary>Finds the table.</summary>
    /// <returns>The table; null where firmware gives none: there is no VT-d, or it is off.</returns>
    /// <exception cref="InvalidDataException">It is there and broken; the message says how.</exception>
    public static DmarTable? Find(IEnumerable<ReadOnlyMemory<byte>> tables) => AcpiTable.Find(tables, "DMAR") is { } table ? Parse(table) : null;

    /// <summary>Reads the table.</summary>
    /// <exception cref="InvalidDataException">It is broken; the message says how.</exception>
    public static DmarTable Parse(AcpiTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        ReadOnlySpan<byte> body = table.Body;
        if (body.Length < FixedLength)
        {
            throw Broken($"it has {body.Length} bytes behind its header and needs {FixedLength}");
        }

        List<DmarUnit> units = [];
        List<ReservedRegion> regions = [];
        for (ReadOnlySpan<byte> rest = body[FixedLength..]; !rest.IsEmpty;)
        {
            ReadOnlySpan<byte> structure = Cut(rest);
            switch ((StructureType)BinaryPrimitives.ReadUInt16LittleEndian(structure))
            {
                case StructureType.Unit:
                    units.Add(ReadUnit(structure, units));
                    break;
                case StructureType.ReservedRegion:
                    regions.Add(ReadRegion(structure));
                    break;
                default:
                    // ATSR, RHSA, ANDD, SATC, SIDP and what comes: properties that nothing here relies on.
                    break;
            }

            rest = rest[structure.Length..];
        }

        return units.Count > 0
            ? new DmarTable(body[0] + 1, (DmarFlags)body[1], units, regions)
            : throw Broken("it names no remapping unit (DRHD)");
    }

    private static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> rest)
    {
        int length = rest.Length >= StructureHeader ? BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]) : 0;
        return length >= StructureHeader && length <= rest.Length
            ? rest[..length]
            : throw Broken($"a structure in it has {length} bytes where {StructureHeader} to {rest.Length} are possible");
    }

    /// <summary>DRHD ([VT-d-4.1] 8.3): flags, size, segment, register base, scopes.</summary>
    private static DmarUnit ReadUnit(ReadOnlySpan<byte> structure, List<DmarUnit> others)
    {
        const int Length = 16;
        const byte IncludesAll = 1;
        Require(structure, Length, "DRHD");
        ushort segment = BinaryPrimitives.ReadUInt16LittleEndian(structure[6..]);
        ulong registers = BinaryPrimitives.ReadUInt64LittleEndian(structure[8..]);
        bool includesAll = (structure[4] & IncludesAll) != 0;
        if (registers == 0 || (registers & PageMask) != 0)
        {
            throw Broken($"a DRHD has its registers at 0x{registers:x}, which is no page");
        }

        if (others.Exists(o => o.RegisterBase == registers))
        {
            throw Broken($"two DRHDs have their registers at 0x{registers:x}");
        }

        if (includesAll && others.Exists(o => o.IncludesAll && o.Segment == segment))
        {
            throw Broken($"two DRHDs include all other devices of segment {segment}");
        }

        return new DmarUnit(segment, registers, includesAll, DeviceScope.ReadAll(structure[Length..], segment));
    }

    /// <summary>RMRR ([VT-d-4.1] 8.4): segment, first and last address, scopes.</summary>
    private static ReservedRegion ReadRegion(ReadOnlySpan<byte> structure)
    {
        const int Length = 24;
        Require(structure, Length, "RMRR");
        ushort segment = BinaryPrimitives.ReadUInt16LittleEndian(structure[6..]);
        ulong first = BinaryPrimitives.ReadUInt64LittleEndian(structure[8..]);
        ulong last = BinaryPrimitives.ReadUInt64LittleEndian(structure[16..]);
        return last > first && (first & PageMask) == 0 && (last & PageMask) == PageMask
            ? new ReservedRegion(segment, first, last, DeviceScope.ReadAll(structure[Length..], segment))
            : throw Broken($"an RMRR goes from 0x{first:x} to 0x{last:x}, which are no whole pages");
    }

    private static void Require(ReadOnlySpan<byte> structure, int length, string name)
    {
        if (structure.Length < length)
        {
            throw Broken($"a {name} has {structure.Length} bytes and needs {length}");
        }
    }

    internal static InvalidDataException Broken(string what) => new($"the ACPI table DMAR is broken: {what}. Update the firmware, or switch VT-d off in it and go on unprotected");
}
