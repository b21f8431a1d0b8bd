using Makatea.Platform;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Snapshots;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm;

/// <summary>What a qube is made of.</summary>
public sealed record QubeOptions
{
    /// <summary>Its memory, as <see cref="Layout"/> says. Stays the caller's, who keeps it until the qube is disposed.</summary>
    public required GuestMemory Memory { get; init; }

    /// <summary>Where its memory is.</summary>
    public required GuestLayout Layout { get; init; }

    /// <summary>Number of processors, 1 to 255.</summary>
    public int Processors { get; init; } = 1;

    /// <summary>The kernel; not needed where there is a <see cref="Snapshot"/>.</summary>
    public BootImage? Kernel { get; init; }

    /// <summary>What it goes on from instead of booting. Its processors, its transport and the number and kinds of its devices have to be what they were.</summary>
    public Snapshot? Snapshot { get; init; }

    /// <summary>The initial file system; null for none.</summary>
    public BootImage? Initramfs { get; init; }

    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>Random bytes for the kernel's generator.</summary>
    public ReadOnlyMemory<byte> RandomSeed { get; init; }

    /// <summary>Its devices, in the order in which they get slots of the PCI bus, from 1 on, or places among those of virtio-mmio. They stay the caller's and can be another qube's after it.</summary>
    public IReadOnlyList<VirtioFrontEnd> Devices { get; init; } = [];

    /// <summary>How the guest reaches them.</summary>
    public VirtioTransport Transport { get; init; }

    /// <summary>Told of a device that the guest gave up after <see cref="Qube.Detach"/>: nothing of it is used any more. On a processor's thread.</summary>
    public Action<VirtioFrontEnd> Detached { get; init; } = static _ => { };

    /// <summary>Told what goes wrong with a device.</summary>
    public Action<string> Report { get; init; } = static _ => { };

    /// <summary>Timestamps, and the world's time.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
