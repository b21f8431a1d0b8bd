using Makatea.Cli;
using Makatea.Qemu;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>What each qube of a system runs in.</summary>
/// <param name="qemu">Path of QEMU.</param>
/// <param name="accelerator">What QEMU runs a guest's instructions with.</param>
internal sealed class VmmChoice(string qemu, Accelerator accelerator)
{
    private readonly QemuVmm _qemu = new(qemu, accelerator);
    private readonly Lazy<MakateaVmm> _makatea = new(MakateaVmm.Find);

    /// <summary>What the system file says; else QEMU, whose guests get their disks back when a storage domain was killed.</summary>
    /// <exception cref="CommandException">What the system file says is not there.</exception>
    public QubeVmm For(QubeDescription qube) => qube.Vmm is { Value: VmmKind.Makatea } ? _makatea.Value : _qemu;

    /// <summary>Whether a system may need QEMU: for qubes that are not said to run in makatea, or for device models.</summary>
    public static bool MayUseQemu(SystemDescription system) =>
        system.Qubes.Any(q => q.Vmm is not { Value: VmmKind.Makatea }) || system.Domains.Any(d => d.IsEmulated || d.Uplink is { Value.IsEmulated: true });
}
