namespace Makatea.EndToEnd;

/// <summary>The command line of QEMU for a guest.</summary>
internal static class QemuCommand
{
    // With virtual GIF in it, QEMU 7.2's SVM loses interrupts of the guest's guest now and then, and whole guests.
    private const string Virtualizing = "max,+svm,-vgif,-v-vmsave-vmload";

    /// <summary>Builds it; QEMU connects to the two sockets.</summary>
    public static IReadOnlyList<string> Build(GuestOptions options, string console, string agent, string monitor)
    {
        List<string> command =
        [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-accel", options.HasVirtualization ? "tcg" : Accelerator.Name, "-cpu", options.HasVirtualization ? Virtualizing : "max", "-smp", options.Cores.ToString(), "-m", $"{options.Memory}M",
            "-machine", options.HasIommu ? "q35,memory-backend=ram,kernel-irqchip=split" : "q35,memory-backend=ram",
            "-object", $"memory-backend-memfd,id=ram,size={options.Memory}M,share=on",
            "-kernel", options.Kernel ?? GuestAssets.Kernel, "-initrd", options.Initramfs ?? GuestAssets.Initramfs,
            // The kernel's check of its timer fails where the host is busy.
            "-append", $"console=ttyS0 panic=-1 no_timer_check {(options.HasIommu ? "intel_iommu=on " : "")}{options.CommandLine}",
            "-serial", $"file:{console}",
            "-chardev", $"socket,id=agent,path={agent}", "-device", "isa-serial,chardev=agent,index=1",
            "-chardev", $"socket,id=monitor,path={monitor}", "-mon", "chardev=monitor,mode=control",
        ];
        if (options.HasIommu)
        {
            command.AddRange(["-device", "intel-iommu,intremap=on,caching-mode=on"]);
        }

        command.AddRange(options.Arguments);
        for (int i = 0; i < options.Disks.Count; i++)
        {
            GuestDisk disk = options.Disks[i];
            command.AddRange(["-chardev", $"socket,id=disk{i},path={disk.Backend.SocketPath},reconnect=1"]);
            command.AddRange(["-device", string.Join(',', [$"vhost-user-blk-pci,id=vd{i},chardev=disk{i},num-queues={disk.Backend.Options.Queues}", .. disk.Properties])]);
        }

        if (options.Incoming is not null)
        {
            command.AddRange(["-incoming", $"unix:{options.Incoming}"]);
        }

        return command;
    }
}
