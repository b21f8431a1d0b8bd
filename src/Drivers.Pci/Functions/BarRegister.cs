using System.Numerics;
using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>A base address register as it is in a function: what it decodes, and at which address.</summary>
/// <param name="Bar">What it decodes.</param>
/// <param name="Address">Where; 0 where nobody assigned it.</param>
internal readonly record struct BarRegister(PciBar Bar, ulong Address)
{
    /// <summary>Number of base address registers of a function.</summary>
    public const int Count = 6;

    private const uint PortsBit = 1;
    private const uint TypeBits = 6;
    private const uint Type64 = 4;
    private const uint PrefetchableBit = 8;
    private const uint MemoryAddress = ~0xfu;
    private const uint PortAddress = 0xfffc;

    /// <summary>
    /// Reads and sizes the registers of a function ([PCI-3.0] 6.2.5.1): written with ones, a register keeps those that it decodes. The function decodes nothing meanwhile.
    /// </summary>
    public static BarRegister[] ReadAll(ConfigAccess config, PciAddress function)
    {
        const uint Decoding = PciConfig.CommandMemory | PciConfig.CommandPorts;
        uint command = config.Read(function, PciConfig.Command, 2);
        if ((command & Decoding) != 0)
        {
            config.Write(function, PciConfig.Command, 2, command & ~Decoding);
        }

        var bars = new BarRegister[Count];
        for (int i = 0; i < Count; i++)
        {
            bars[i] = Read(config, function, i);
            if (bars[i].Bar.Kind == PciBarKind.Memory64)
            {
                bars[++i] = new(new(i, PciBarKind.None, 0, false), 0);
            }
        }

        if ((command & Decoding) != 0)
        {
            config.Write(function, PciConfig.Command, 2, command);
        }

        return bars;
    }

    /// <summary>Writes the address into the function.</summary>
    public void Write(ConfigAccess config, PciAddress function)
    {
        int offset = PciConfig.Bar0 + (Bar.Index * 4);
        config.Write(function, offset, 4, (uint)Address);
        if (Bar.Kind == PciBarKind.Memory64)
        {
            config.Write(function, offset + 4, 4, (uint)(Address >> 32));
        }
    }

    private static BarRegister Read(ConfigAccess config, PciAddress function, int index)
    {
        (uint value, uint mask) = Probe(config, function, index);
        if ((mask & PortsBit) != 0)
        {
            ulong ports = LowestBit(mask & PortAddress);
            return new(new(index, ports == 0 ? PciBarKind.None : PciBarKind.Ports, ports, false), value & PortAddress);
        }

        ulong wide = mask & MemoryAddress;
        ulong address = value & MemoryAddress;
        bool is64 = (mask & TypeBits) == Type64;
        if (is64 && index == Count - 1)
        {
            // The upper half would be in the next header field.
            wide = 0;
        }
        else if (is64)
        {
            (uint upper, uint upperMask) = Probe(config, function, index + 1);
            wide |= (ulong)upperMask << 32;
            address |= (ulong)upper << 32;
        }

        ulong length = LowestBit(wide);
        return length == 0
            ? new(new(index, PciBarKind.None, 0, false), 0)
            : new(new(index, is64 ? PciBarKind.Memory64 : PciBarKind.Memory32, length, (mask & PrefetchableBit) != 0), address);
    }

    private static (uint Value, uint Mask) Probe(ConfigAccess config, PciAddress function, int index)
    {
        int offset = PciConfig.Bar0 + (index * 4);
        uint value = config.Read(function, offset, 4);
        config.Write(function, offset, 4, uint.MaxValue);
        uint mask = config.Read(function, offset, 4);
        config.Write(function, offset, 4, value);
        return (value, mask);
    }

    private static ulong LowestBit(ulong bits) => bits == 0 ? 0 : 1ul << BitOperations.TrailingZeroCount(bits);
}
