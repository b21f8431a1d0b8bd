namespace Makatea.Sel4.Image.Boards;

/// <summary>What Makatea needs of a kernel's configuration.</summary>
internal static class KernelRequirements
{
    private const ulong SmallestRootCNode = 17;
    private const ulong SseState = 1 << 1;

    /// <summary>Everything in a configuration that Makatea cannot work with.</summary>
    public static IEnumerable<BoardProblem> Check(KernelConfiguration configuration)
    {
        BoardProblem?[] found =
        [
            On(configuration, "ARCH_X86_64", "components and drivers are compiled for x86-64"),
            On(configuration, "KERNEL_MCS", "components get their time by scheduling contexts, and are answered by reply objects"),
            On(configuration, "SYSCALL", "the root task enters the kernel by this instruction (KernelX86Syscall=syscall)"),
            On(configuration, "IOMMU", "devices are kept to the memory that their driver was granted"),
            Off(configuration, "SUPPORT_PCID", "with it the kernel refuses processors and emulators without PCIDs, such as QEMU's"),
            On(configuration, "IRQ_IOAPIC", "interrupts are handed out by IOAPIC pin and as MSI"),
            On(configuration, "MULTIBOOT1_HEADER", "QEMU and GRUB start the kernel by it"),
            AtLeast(configuration, "ROOT_CNODE_SIZE_BITS", SmallestRootCNode, "the root task keeps a capability for each page of its image and each object of its components there"),
            OneProcessor(configuration),
            SavesSse(configuration),
        ];
        return found.OfType<BoardProblem>();
    }

    private static BoardProblem? On(KernelConfiguration configuration, string option, string reason) =>
        configuration.IsOn(option) ? null : new(option, Found(configuration, option), "true", reason);

    private static BoardProblem? Off(KernelConfiguration configuration, string option, string reason) =>
        configuration[option] is null or "false" ? null : new(option, Found(configuration, option), "false", reason);

    private static BoardProblem? AtLeast(KernelConfiguration configuration, string option, ulong least, string reason) =>
        configuration.Number(option) >= least ? null : new(option, Found(configuration, option), $"{least} or more", reason);

    private static BoardProblem? OneProcessor(KernelConfiguration configuration) =>
        configuration.Number("MAX_NUM_NODES") == 1 ? null
            : new("MAX_NUM_NODES", Found(configuration, "MAX_NUM_NODES"), "1", "kernels for several processors (SMP) are not supported yet; the SDK's boards whose names do not end in smp have 1");

    private static BoardProblem? SavesSse(KernelConfiguration configuration) =>
        configuration.IsOn("FXSAVE") || (configuration.IsOn("XSAVE") && (configuration.Number("XSAVE_FEATURE_SET") & SseState) != 0) ? null
            : new("XSAVE_FEATURE_SET", Found(configuration, "XSAVE_FEATURE_SET"), "3 or more, with XSAVE, or FXSAVE", "compiled code uses SSE registers, which the kernel has to keep for each thread");

    private static string Found(KernelConfiguration configuration, string option) => configuration[option] ?? "absent";
}
