using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.VfioProbe;

/// <summary>A component that was granted a function: two descriptors and no file system.</summary>
internal static class Component
{
    /// <summary>Where the function's descriptor is; its DMA space's comes after it.</summary>
    public const int Slot = 3;

    /// <summary>Drives the function.</summary>
    public static void Run(string name)
    {
        using PciFunction function = new LinuxGrants().OpenFunction(new ManifestGrant(name, GrantType.Function, Slot));
        Check.That(function.Address.ToString() == name, $"a component was granted {name}");
        Check.Refused<IOException>(() => VfioDmaSpace.Create(), "cannot open /dev/", "a component makes no DMA space of its own");
        Probe.Drive(function);
        DmaSpace space = function.Dma;
        function.Dispose();
        space.Dispose();
    }
}
