using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.VfioProbe;

/// <summary>Holds a function that somebody pulls.</summary>
internal static class Removal
{
    /// <summary>Waits until it is asked for, and closes it.</summary>
    public static void Wait(PciAddress address)
    {
        using VfioBinding binding = VfioBinding.Bind(address);
        using VfioDmaSpace space = VfioDmaSpace.Create();
        using VfioFunction function = space.Open(address);
        using var controller = new NvmeController(function);
        Console.WriteLine("ok: holding it");
        for (int i = 0; i < 600 && !function.IsGone; i++)
        {
            Thread.Sleep(100);
        }

        Check.That(function.IsGone, "the kernel asked for it");
    }
}
