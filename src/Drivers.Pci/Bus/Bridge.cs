using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>The registers of a PCI-to-PCI bridge: bus numbers and memory window ([PCIBR-1.2] 3.2.5).</summary>
internal readonly struct Bridge(ConfigAccess config, PciAddress address)
{
    /// <summary>Granularity of a window in bytes.</summary>
    public const ulong WindowUnit = 1 << 20;

    private const int PrimaryBus = 0x18;
    private const int IoBase = 0x1c;
    private const int MemoryBase = 0x20;
    private const int PrefetchableBase = 0x24;
    private const uint BusNumbers = 0x00ff_ffff;

    // Device/port types of the PCI Express capabilities register ([PCIe-5.0] 7.5.3.2).
    private const int ExpressCapabilities = 2;
    private const uint ExpressToPci = 7;
    private const uint PciToExpress = 8;
    private const int MaxCapabilities = 48;

    // A base above its limit closes a window.
    private const uint ClosedMemory = 0x0000_fff0;
    private const uint ClosedPorts = 0x00f0;

    /// <summary>Header type 1.</summary>
    public static bool Is(ConfigAccess config, PciAddress address) => (config.Read(address, PciConfig.HeaderType, 1) & 0x7f) == 1;

    /// <summary>First and last bus behind it; 0 and 0 where nobody assigned them.</summary>
    public (byte Secondary, byte Subordinate) Buses
    {
        get
        {
            uint value = config.Read(address, PrimaryBus, 4);
            return ((byte)(value >> 8), (byte)(value >> 16));
        }
    }

    /// <summary>The addresses below 4 GiB that it passes on; empty where the window is closed.</summary>
    public IReadOnlyList<(ulong First, ulong Last)> Window
    {
        get
        {
            uint value = config.Read(address, MemoryBase, 4);
            ulong first = (value & 0xfff0ul) << 16;
            ulong last = ((ulong)(value >> 16) << 16) | (WindowUnit - 1);
            return first <= last && first != 0 ? [(first, last)] : [];
        }
    }

    /// <summary>
    /// In whose name requests of what is behind it leave it: of the first device of its secondary bus for a bridge from PCI Express to conventional PCI ([PCIE-PCIX-1.0] 2.3), of the
    /// bridge for one between conventional buses; null where they keep their own.
    /// </summary>
    public PciAddress? Alias
    {
        get
        {
            uint? type = ExpressType;
            return type == ExpressToPci ? address with { Bus = Buses.Secondary, Device = 0, Function = 0 }
                : type is null or PciToExpress ? address
                : null;
        }
    }

    /// <summary>What the PCI Express capability says that it is; null without one.</summary>
    private uint? ExpressType
    {
        get
        {
            if ((config.Read(address, PciConfig.Status, 2) & PciConfig.StatusCapabilities) == 0)
            {
                return null;
            }

            int offset = (int)config.Read(address, PciConfig.CapabilitiesPointer, 1) & ~3;
            for (int i = 0; i < MaxCapabilities && offset is >= 0x40 and < PciConfig.Length; i++)
            {
                uint header = config.Read(address, offset, 4);
                if ((header & 0xff) == (uint)PciCapabilityId.Express)
                {
                    return (header >> (4 + (8 * ExpressCapabilities))) & 0xf;
                }

                offset = (int)(header >> 8) & 0xfc;
            }

            return null;
        }
    }

    /// <summary>Assigns bus numbers.</summary>
    public void SetBuses(byte primary, byte secondary, byte subordinate)
    {
        uint kept = config.Read(address, PrimaryBus, 4) & ~BusNumbers;
        config.Write(address, PrimaryBus, 4, kept | primary | ((uint)secondary << 8) | ((uint)subordinate << 16));
    }

    /// <summary>Opens the window for memory and closes the others; what is behind may start transactions if it is allowed to itself.</summary>
    public void Open(ulong first, ulong last)
    {
        config.Write(address, IoBase, 2, ClosedPorts);
        config.Write(address, MemoryBase, 4, (uint)((first >> 16) & 0xfff0) | ((uint)(last >> 16) << 16));
        config.Write(address, PrefetchableBase, 4, ClosedMemory);
        uint command = config.Read(address, PciConfig.Command, 2);
        config.Write(address, PciConfig.Command, 2, command | PciConfig.CommandMemory | PciConfig.CommandBusMaster);
    }
}
