namespace Makatea.Vmm.Boot;

/// <summary>
/// Where things are in a guest's physical address space. Memory lies from 0 to at most 3 GiB and goes on at 4 GiB; between the two are the registers of devices:
/// <code>
/// 0000_0000  memory                     (what the loader writes below 1 MiB: BootArea)
/// c000_0000  32-bit window of PCI BARs  (DeviceWindow)
/// e000_0000  ECAM, one bus              (Ecam)
/// e800_0000  virtio-mmio, 4 KiB each    (VirtioMmio)
/// fec0_0000  IOAPIC
/// fee0_0000  local APICs, messages
/// 1_0000_0000  memory
/// ...        64-bit window of PCI BARs, at the top of what the processor addresses (HighDeviceWindow)
/// </code>
/// </summary>
public sealed class GuestLayout
{
    /// <summary>Memory is given in multiples of this, so that large pages map it.</summary>
    public const ulong MemoryGranularity = 2 << 20;

    /// <summary>Where memory below the hole ends at the latest.</summary>
    public const ulong HoleStart = 3UL << 30;

    /// <summary>Where memory goes on behind the hole.</summary>
    public const ulong HoleEnd = 4UL << 30;

    /// <summary>Registers of the IOAPIC ([82093AA] 3.0).</summary>
    public static readonly AddressRange IoApic = new(0xfec0_0000, 0x1000);

    /// <summary>Registers of a processor's local APIC, and addresses of interrupt messages ([SDM] volume 3, 11.11.1).</summary>
    public static readonly AddressRange LocalApic = new(0xfee0_0000, 0x10_0000);

    /// <summary>Addresses below 4 GiB for the registers of PCI functions.</summary>
    public static readonly AddressRange DeviceWindow = new(HoleStart, 0x2000_0000);

    /// <summary>Configuration space of PCI bus 0 in memory ([PCIE-5] 7.2.2).</summary>
    public static readonly AddressRange Ecam = new(0xe000_0000, 0x10_0000);

    /// <summary>Registers of virtio-mmio devices, <see cref="VirtioMmioLength"/> each.</summary>
    public static readonly AddressRange VirtioMmio = new(0xe800_0000, 64 * VirtioMmioLength);

    /// <summary>Length of the registers of one virtio-mmio device: [VIRTIO-1.3] 4.2.2 needs 0x100 and its configuration.</summary>
    public const ulong VirtioMmioLength = 0x1000;

    private const int UsefulAddressBits = 40;
    private const ulong LargestHighWindow = 64UL << 30;

    /// <summary>Lays a guest out.</summary>
    /// <param name="memory">Bytes of memory, a multiple of <see cref="MemoryGranularity"/>.</param>
    /// <param name="physicalAddressBits">Width of the guest's physical addresses (CPUID 0x80000008).</param>
    /// <exception cref="BootException">So much memory does not fit, or it is none or no multiple.</exception>
    public GuestLayout(ulong memory, int physicalAddressBits)
    {
        if (memory == 0 || memory % MemoryGranularity != 0)
        {
            throw new BootException($"a guest of {memory} bytes of memory: a multiple of {MemoryGranularity} is needed, and not 0");
        }

        if (physicalAddressBits is < 36 or > 52)
        {
            throw new BootException($"{physicalAddressBits} bits of physical address: processors with 64-bit mode have 36 to 52");
        }

        Memory = memory;
        LowMemory = new(0, Math.Min(memory, HoleStart));
        HighMemory = new(HoleEnd, memory - LowMemory.Length);
        ulong limit = 1UL << physicalAddressBits;
        if (HighMemory.Length > limit - HoleEnd)
        {
            throw new BootException($"{memory} bytes of memory: with {physicalAddressBits} bits of physical address there is room for {limit - HoleEnd + HoleStart}");
        }

        HighDeviceWindow = PlaceHighWindow(limit, physicalAddressBits);
    }

    /// <summary>Bytes of memory.</summary>
    public ulong Memory { get; }

    /// <summary>Memory below the hole.</summary>
    public AddressRange LowMemory { get; }

    /// <summary>Memory above the hole; may be empty.</summary>
    public AddressRange HighMemory { get; }

    /// <summary>Addresses above 4 GiB for the registers of PCI functions; empty where memory leaves none.</summary>
    public AddressRange HighDeviceWindow { get; }

    // Near 1 TiB where memory leaves that free, since every processor of these days has addresses there; above the memory of the few guests that are larger.
    private AddressRange PlaceHighWindow(ulong limit, int physicalAddressBits)
    {
        ulong length = Math.Min(LargestHighWindow, limit / 4);
        ulong first = (1UL << Math.Min(physicalAddressBits, UsefulAddressBits)) - length;
        if (first < HighMemory.End)
        {
            first = (HighMemory.End + (length - 1)) & ~(length - 1);
        }

        return first <= limit - length ? new(first, length) : default;
    }
}
