using Makatea.Drivers.E1000;
using Makatea.Drivers.Nvme;
using Makatea.Platform;

namespace Makatea.Running;

/// <summary>A kind of controllers that domains drive.</summary>
/// <param name="Noun">As messages call one.</param>
/// <param name="Fits">Whether a function is one.</param>
internal sealed record ControllerKind(string Noun, Func<PciIdentity, bool> Fits)
{
    /// <summary>What storage domains drive.</summary>
    public static readonly ControllerKind Nvme = new("NVMe controller", i => i.ClassCode == NvmeController.ClassCode);

    /// <summary>What net domains drive.</summary>
    public static readonly ControllerKind Adapter = new("82574L or 82540EM adapter", E1000Port.Supports);

    /// <summary>What a function is called that was claimed.</summary>
    public static string NounOf(PciIdentity identity) => Adapter.Fits(identity) ? "Ethernet adapter" : Nvme.Noun;
}
