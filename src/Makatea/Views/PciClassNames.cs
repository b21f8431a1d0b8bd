namespace Makatea.Views;

/// <summary>Names of the classes of PCI functions ([PCI-CCA-1.11]), as far as they are met.</summary>
internal static class PciClassNames
{
    private const uint NoClass = 0xff;

    private static readonly Dictionary<uint, string> _interfaces = new()
    {
        [0x010601] = "SATA controller (AHCI)",
        [0x010802] = "NVMe controller",
        [0x0c0300] = "USB controller (UHCI)",
        [0x0c0310] = "USB controller (OHCI)",
        [0x0c0320] = "USB controller (EHCI)",
        [0x0c0330] = "USB controller (xHCI)",
    };

    private static readonly Dictionary<uint, string> _classes = new()
    {
        [0x0100] = "SCSI controller",
        [0x0101] = "IDE controller",
        [0x0104] = "RAID controller",
        [0x0106] = "SATA controller",
        [0x0107] = "SAS controller",
        [0x0108] = "non-volatile memory controller",
        [0x0200] = "Ethernet controller",
        [0x0280] = "network controller",
        [0x0300] = "VGA controller",
        [0x0302] = "3D controller",
        [0x0380] = "display controller",
        [0x0401] = "audio device",
        [0x0403] = "HD audio device",
        [0x0500] = "memory",
        [0x0600] = "host bridge",
        [0x0601] = "ISA bridge",
        [0x0604] = "PCI bridge",
        [0x0680] = "bridge",
        [0x0700] = "serial port",
        [0x0780] = "communication controller",
        [0x0805] = "SD host controller",
        [0x0806] = "IOMMU",
        [0x0880] = "system device",
        [0x0c03] = "USB controller",
        [0x0c05] = "SMBus controller",
        [0x0d11] = "Bluetooth controller",
        [0x1080] = "encryption controller",
        [0x1180] = "signal processor",
        [0x1200] = "accelerator",
    };

    private static readonly string[] _bases =
    [
        "device of no class", "storage controller", "network controller", "display controller", "multimedia device", "memory", "bridge", "communication controller",
        "system device", "input device", "docking station", "processor", "serial bus controller", "wireless controller", "intelligent controller", "satellite controller",
        "encryption controller", "signal processor", "accelerator",
    ];

    /// <summary>The name of a class code.</summary>
    /// <param name="code">Base class, sub-class and interface in 24 bits.</param>
    public static string Of(uint code) =>
        _interfaces.TryGetValue(code, out string? exact) ? exact
        : _classes.TryGetValue(code >> 8, out string? name) ? name
        : code >> 16 < _bases.Length ? _bases[code >> 16]
        : code >> 16 == NoClass ? _bases[0]
        : $"class {code:x6}";
}
