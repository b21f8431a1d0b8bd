using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>Configuration space in memory (ECAM, [PCIe-5.0] 7.2.2): 4 KiB a function, where the ACPI table MCFG says.</summary>
internal sealed class EcamConfig : ConfigAccess
{
    /// <summary>Of its table.</summary>
    public const string Signature = "MCFG";

    private const int FunctionBits = 12;
    private const int BusBits = 20;
    private const int Reserved = 8;
    private const int EntryLength = 16;
    private readonly Dictionary<ushort, (byte First, byte Last, RegisterSpace Space)> _segments = [];

    /// <summary>Maps what the table lists ([PCIFW-3.0] 4.1.2).</summary>
    /// <exception cref="InvalidDataException">It lists nothing, or what cannot be.</exception>
    public EcamConfig(Machine machine, AcpiTable table)
    {
        ReadOnlySpan<byte> entries = table.Body.Length >= Reserved ? table.Body[Reserved..] : [];
        for (; entries.Length >= EntryLength; entries = entries[EntryLength..])
        {
            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(entries);
            ushort segment = BinaryPrimitives.ReadUInt16LittleEndian(entries[8..]);
            (byte first, byte last) = (entries[10], entries[11]);
            if (last < first || (address & ((1ul << BusBits) - 1)) != 0 || address > ulong.MaxValue - (256ul << BusBits))
            {
                throw new InvalidDataException($"the ACPI table MCFG places buses {first} to {last} of segment {segment} at 0x{address:x}; they have to ascend, on an address of whole MiB");
            }

            // The address is that of bus 0, whether the range has it or not.
            RegisterSpace space = machine.MapRegisters(address + ((ulong)first << BusBits), (ulong)(last - first + 1) << BusBits);
            if (!_segments.TryAdd(segment, (first, last, space)))
            {
                throw new InvalidDataException($"the ACPI table MCFG has two ranges for segment {segment}; one is possible");
            }
        }

        if (_segments.Count == 0)
        {
            throw new InvalidDataException("the ACPI table MCFG lists no configuration space");
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<(ushort Segment, byte First, byte Last)> Buses =>
        [.. _segments.Select(s => (s.Key, s.Value.First, s.Value.Last)).OrderBy(s => s.Key)];

    /// <inheritdoc/>
    public override int Length => PciConfig.ExtendedLength;

    /// <inheritdoc/>
    public override uint Read(PciAddress function, int offset, int width)
    {
        if (!TryFind(function, out RegisterSpace space, out ulong at))
        {
            return uint.MaxValue;
        }

        return width switch
        {
            1 => space.ReadByte(at + (uint)offset),
            2 => space.ReadUInt16(at + (uint)offset),
            _ => space.ReadUInt32(at + (uint)offset),
        };
    }

    /// <inheritdoc/>
    public override void Write(PciAddress function, int offset, int width, uint value)
    {
        if (!TryFind(function, out RegisterSpace space, out ulong at))
        {
            return;
        }

        switch (width)
        {
            case 1:
                space.WriteByte(at + (uint)offset, (byte)value);
                break;
            case 2:
                space.WriteUInt16(at + (uint)offset, (ushort)value);
                break;
            default:
                space.WriteUInt32(at + (uint)offset, value);
                break;
        }
    }

    private bool TryFind(PciAddress function, out RegisterSpace space, out ulong offset)
    {
        bool found = _segments.TryGetValue(function.Segment, out (byte First, byte Last, RegisterSpace Space) segment)
            && function.Bus >= segment.First && function.Bus <= segment.Last;
        space = segment.Space;
        offset = found ? ((ulong)function.RequesterId - ((ulong)segment.First << 8)) << FunctionBits : 0;
        return found;
    }
}
