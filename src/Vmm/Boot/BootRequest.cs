using Makatea.Platform;

namespace Makatea.Vmm.Boot;

/// <summary>What a guest is started from.</summary>
public sealed record BootRequest
{
    /// <summary>Its memory, as <see cref="Layout"/> says.</summary>
    public required GuestMemory Memory { get; init; }

    /// <summary>Where its memory is.</summary>
    public required GuestLayout Layout { get; init; }

    /// <summary>The kernel: a bzImage, or an ELF file with a PVH entry.</summary>
    public required BootImage Kernel { get; init; }

    /// <summary>The initial file system; null for none.</summary>
    public BootImage? Initramfs { get; init; }

    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>Guest address of the ACPI root pointer; 0 for none.</summary>
    public ulong RootPointer { get; init; }

    /// <summary>Up to 512 random bytes for the kernel's generator, from which it otherwise waits for interrupts; only a bzImage takes them.</summary>
    public ReadOnlyMemory<byte> RandomSeed { get; init; }
}
