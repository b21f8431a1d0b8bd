using Makatea.Systems;

namespace Makatea.Qemu;

/// <summary>The machine in which <c>makatea boot</c> starts a seL4 kernel: a PC with VT-d, an NVMe controller and an 82574L, its first serial port on standard output.</summary>
internal sealed record Sel4Machine
{
    /// <summary>What the adapter's wire is by default: QEMU's own network, whose machine at 10.0.2.2 gives addresses and answers echo requests, with nothing behind it.</summary>
    public const string Isolated = "isolated";

    /// <summary>The same network, which reaches what this machine reaches; 10.0.2.2 is this machine's loopback interface.</summary>
    public const string UserNetwork = "user";

    /// <summary>No wire.</summary>
    public const string None = "none";

    /// <summary>The kernel, a 32-bit ELF file.</summary>
    public required string Kernel { get; init; }

    /// <summary>The boot module.</summary>
    public required string Module { get; init; }

    /// <summary>Raw files behind the NVMe controller, one a namespace from 1; where there are none, a namespace that stores nothing.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>MiB of memory.</summary>
    public required int Memory { get; init; }

    /// <summary>What the adapter's wire is: <c>isolated</c>, <c>user</c>, <c>none</c>, <c>connect:PATH</c> or <c>listen:PATH</c>.</summary>
    public string Network { get; init; } = Isolated;

    /// <summary>Whether that is one.</summary>
    public static bool IsNetwork(string network) => network is Isolated or UserNetwork or None || (network.Split(':', 2) is ["connect" or "listen", { Length: > 0 }]);

    /// <summary>Arguments for QEMU.</summary>
    public IReadOnlyList<string> Arguments() =>
    [
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-name", "guest=sel4,process=makatea-sel4",
        "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",

        // Emulated even where there is KVM: the same processor everywhere, and one that the kernel's configuration fits.
        "-machine", "q35,kernel-irqchip=split", "-accel", "tcg", "-cpu", "max", "-m", $"{Memory}M",
        "-device", "intel-iommu,intremap=off",
        "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
        "-device", $"nvme,id=nvme,serial=makatea,addr={Slot(Sel4Devices.Nvme)}",
        .. Namespaces(),
        .. Wire(),
        "-device", $"e1000e,mac=52:54:00:12:34:56,addr={Slot(Sel4Devices.Adapter)}{(Network == None ? "" : ",netdev=net")}",
        "-kernel", Kernel, "-initrd", QemuWire.Escape(Module),
    ];

    /// <summary>Device number of an address on the first bus.</summary>
    private static string Slot(string address) => address.Split(':', '.')[2];

    private IEnumerable<string> Namespaces()
    {
        string[] drives = Disks.Count == 0 ? ["driver=null-co,size=64M,read-zeroes=on"] : [.. Disks.Select(d => $"format=raw,file={QemuWire.Escape(d)}")];
        return drives.SelectMany((drive, i) => (string[])["-drive", $"if=none,id=disk{i + 1},{drive}", "-device", $"nvme-ns,bus=nvme,nsid={i + 1},drive=disk{i + 1}"]);
    }

    private IEnumerable<string> Wire() => Network switch
    {
        None => [],
        Isolated => ["-netdev", $"{QemuWire.Netdev(UserNetwork, "net")},restrict=on"],
        _ => ["-netdev", QemuWire.Netdev(Network, "net")],
    };
}
