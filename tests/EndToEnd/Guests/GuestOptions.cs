namespace Makatea.EndToEnd;

/// <summary>How a guest boots.</summary>
internal sealed record GuestOptions
{
    /// <summary>RAM in MiB.</summary>
    public int Memory { get; init; } = 256;

    /// <summary>Virtual processors.</summary>
    public int Cores { get; init; } = 1;

    /// <summary>Its disks, in the order in which it sees them: /dev/vda, /dev/vdb...</summary>
    public IReadOnlyList<GuestDisk> Disks { get; init; } = [];

    /// <summary>Whether VT-d stands before its devices, interrupts included.</summary>
    public bool HasIommu { get; init; }

    /// <summary>Whether its processors have SVM, so that it can run guests of its own. It is emulated then, whatever the machine has.</summary>
    public bool HasVirtualization { get; init; }

    /// <summary>More arguments of QEMU, such as <c>-device</c> and what it takes.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Words added to the kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>Its kernel; null for <see cref="GuestAssets.Kernel"/>.</summary>
    public string? Kernel { get; init; }

    /// <summary>What it boots into; null for <see cref="GuestAssets.Initramfs"/>.</summary>
    public string? Initramfs { get; init; }

    /// <summary>UNIX socket on which it waits to be migrated to, or null to boot.</summary>
    public string? Incoming { get; init; }
}

/// <summary>A disk of a guest.</summary>
/// <param name="Backend">Who serves it; started before the guest.</param>
/// <param name="Properties">Properties of QEMU's vhost-user-blk-pci, such as <c>packed=on</c>.</param>
internal sealed record GuestDisk(BlockBackend Backend, params string[] Properties);
