using Makatea.Platform;

namespace Makatea.Vmm.Pci;

/// <summary>Configuration space by an address port and a data port of 32 bits each ([PCI-3.0] 3.2.2.3.2).</summary>
internal sealed class PciConfigPorts(PciHostBridge bridge) : RegisterBus
{
    private const ulong Data = 4;
    private const uint Enable = 1U << 31;
    private const int BusShift = 16;
    private const int SlotShift = 11;
    private const int FunctionShift = 8;
    private const uint WritableAddress = 0x80ff_fffc;

    private uint _address;

    public override ulong Read(ulong address, int width)
    {
        if (address == 0 && width == 4)
        {
            return Volatile.Read(ref _address);
        }

        return TryFind(address, width, out int slot, out int offset) ? bridge.ReadConfig(slot, offset, width) : RegisterWidth.Mask(width);
    }

    public override void Write(ulong address, int width, ulong value)
    {
        if (address == 0 && width == 4)
        {
            Volatile.Write(ref _address, (uint)value & WritableAddress);
        }
        else if (TryFind(address, width, out int slot, out int offset))
        {
            bridge.WriteConfig(slot, offset, width, (uint)value);
        }
    }

    private bool TryFind(ulong address, int width, out int slot, out int offset)
    {
        uint target = Volatile.Read(ref _address);
        ulong low = address - Data;
        slot = (int)(target >> SlotShift & 0x1f);
        offset = (int)(target & 0xfc) + (int)(low & 3);
        return address >= Data && low + (ulong)width <= 4 && (target & Enable) != 0 && (target >> BusShift & 0xff) == 0 && (target >> FunctionShift & 7) == 0;
    }
}
