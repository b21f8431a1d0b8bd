using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>What device models a <see cref="QemuMachine"/> has.</summary>
public sealed record QemuMachineOptions
{
    /// <summary>Absolute path of <c>qemu-system-x86_64</c>; null for the one on PATH.</summary>
    public string? Executable { get; init; }

    /// <summary>Memory in bytes, whole MiB, at most 2 GiB. Pages that are not touched cost nothing.</summary>
    public ulong Memory { get; init; } = 256 << 20;

    /// <summary>Arguments of QEMU before the devices: <c>-blockdev</c>, <c>-netdev</c>, <c>-object</c> with their values.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>
    /// Devices in the syntax of QEMU's <c>-device</c>, in order: <c>intel-iommu,intremap=on</c> before those that it is to translate for. Those that are to be
    /// unplugged need an <c>id</c> and sit behind a <c>pcie-root-port</c> (<c>bus=</c> its id).
    /// </summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    /// <summary>Descriptors that QEMU inherits, by the number (from 16 on) that <see cref="Arguments"/> name them by.</summary>
    public IReadOnlyDictionary<int, SafeHandle> Descriptors { get; init; } = new Dictionary<int, SafeHandle>();

    /// <summary>How long QEMU may take for one answer before it counts as hung.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);
}
