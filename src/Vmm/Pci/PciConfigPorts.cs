using Makatea.Platform;

namespace Makatea.Vmm.Pci;

/// <summary>
/// Configuration space by an address port and a data port of 32 bits each ([PCI-3.0] 3.2.2.3.2). The address port is one of 32 bits alone; a byte in the middle of it is the reset control of chipsets.
/// </summary>
internal sealed class PciConfigPorts(PciHostBridge bridge, RegisterBus? resetControl) : RegisterBus
{
    private const ulong ResetControl = PlatformPorts.Reset - PciHostBridge.FirstPort;
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

        if (address == ResetControl && width == 1 && resetControl is not null)
        {
            return resetControl.Read(0, 1);
        }

        return TryFind(address, width, out int slot, out int offset) ? bridge.ReadConfig(slot, offset, width) : RegisterWidth.Mask(width);
    }

    public override void Write(ulong address, int width, ulong value)
    {
        if (address == 0 && width == 4)
        {
            Volatile.Write(ref _address, (uint)value & WritableAddress);
        }
        else if (address == ResetControl && width == 1)
        {
            resetControl?.Write(0, 1, value);
        }
        else if (TryFind(address, width, out int slot, out int offset))
        {
            bridge.WriteConfig(slot, offset, width, (uint)value);
        }
    }

    internal void Save(StateWriter writer) => writer.Write(Volatile.Read(ref _address));

    internal void Restore(StateReader reader) => Volatile.Write(ref _address, reader.ReadUInt32() & WritableAddress);

    private bool TryFind(ulong address, int width, out int slot, out int offset)
    {
        uint target = Volatile.Read(ref _address);
        ulong low = address - Data;
        slot = (int)(target >> SlotShift & 0x1f);
        offset = (int)(target & 0xfc) + (int)(low & 3);
        return address >= Data && low + (ulong)width <= 4 && (target & Enable) != 0 && (target >> BusShift & 0xff) == 0 && (target >> FunctionShift & 7) == 0;
    }
}
