using Makatea.Cli;
using Makatea.Qemu;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>What each qube of a system runs in.</summary>
/// <param name="qemu">Path of QEMU.</param>
/// <param name="accelerator">What QEMU runs a guest's instructions with, which also says whether KVM really works.</param>
internal sealed class VmmChoice(string qemu, Accelerator accelerator)
{
    private readonly QemuVmm _qemu = new(qemu, accelerator);
    private readonly Lazy<MakateaVmm> _makatea = new(MakateaVmm.Find);

    /// <summary>What the system file says; else makatea for what it can boot where KVM really works, else QEMU.</summary>
    /// <exception cref="CommandException">What the system file says is not there.</exception>
    public QubeVmm For(QubeDescription qube) => KindOf(qube, accelerator) == VmmKind.Makatea ? _makatea.Value : _qemu;

    /// <summary>Whether a system may need QEMU: for qubes that are not said to run in makatea, or for device models.</summary>
    public static bool MayUseQemu(SystemDescription system) =>
        system.Qubes.Any(q => q.Vmm is not { Value: VmmKind.Makatea }) || system.Domains.Any(d => d.IsEmulated || d.Uplink is { Value.IsEmulated: true });

    /// <summary>What a qube runs in.</summary>
    internal static VmmKind KindOf(QubeDescription qube, Accelerator accelerator) =>
        qube.Vmm?.Value ?? (qube.Kernel is not null && accelerator.Name == "kvm" ? VmmKind.Makatea : VmmKind.Qemu);
}
