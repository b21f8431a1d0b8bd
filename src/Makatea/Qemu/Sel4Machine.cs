namespace Makatea.Qemu;

/// <summary>The machine in which <c>makatea boot</c> starts a seL4 kernel: a PC with VT-d, an NVMe controller and an 82574L, its first serial port on this terminal.</summary>
internal static class Sel4Machine
{
    /// <summary>Arguments for QEMU.</summary>
    /// <param name="kernel">The kernel, a 32-bit ELF file.</param>
    /// <param name="module">The boot module.</param>
    /// <param name="disk">Raw file behind the NVMe controller; one that stores nothing where there is none.</param>
    /// <param name="memory">MiB of memory.</param>
    public static IReadOnlyList<string> Arguments(string kernel, string module, string? disk, int memory) =>
    [
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-name", "guest=sel4,process=makatea-sel4",
        // Emulated even where there is KVM: the same processor everywhere, and one that the kernel's configuration fits.
        "-machine", "q35,kernel-irqchip=split", "-accel", "tcg", "-cpu", "max", "-m", $"{memory}M",
        "-device", "intel-iommu,intremap=off",
        "-chardev", "stdio,id=console,signal=on", "-serial", "chardev:console",
        "-drive", disk is null ? "if=none,id=disk,driver=null-co,size=64M,read-zeroes=on" : $"if=none,id=disk,format=raw,file={Escape(disk)}",
        "-device", "nvme,drive=disk,serial=makatea",
        "-netdev", "user,id=net,restrict=on", "-device", "e1000e,netdev=net",
        "-kernel", kernel, "-initrd", Escape(module),
    ];

    /// <summary>In QEMU's option syntax a comma ends a value unless doubled.</summary>
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);
}
