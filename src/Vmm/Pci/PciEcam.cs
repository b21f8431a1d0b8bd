using Makatea.Platform;

namespace Makatea.Vmm.Pci;

/// <summary>Configuration space of bus 0 in memory: 4 KiB a function, 8 functions a slot ([PCIE-5] 7.2.2).</summary>
internal sealed class PciEcam(PciHostBridge bridge) : RegisterBus
{
    private const int SlotShift = 15;
    private const int FunctionShift = 12;
    private const ulong FunctionMask = 7;
    private const ulong OffsetMask = 0xfff;
    private const ulong Length = (ulong)PciHostBridge.Slots << SlotShift;

    public override ulong Read(ulong address, int width) =>
        IsOurs(address, width) ? bridge.ReadConfig((int)(address >> SlotShift), (int)(address & OffsetMask), width) : RegisterWidth.Mask(width);

    public override void Write(ulong address, int width, ulong value)
    {
        if (IsOurs(address, width))
        {
            bridge.WriteConfig((int)(address >> SlotShift), (int)(address & OffsetMask), width, (uint)value);
        }
    }

    // Up to 32 bits, aligned, of function 0.
    private static bool IsOurs(ulong address, int width) =>
        address < Length && width is (1 or 2 or 4) && (address & (ulong)(width - 1)) == 0 && (address >> FunctionShift & FunctionMask) == 0;
}
