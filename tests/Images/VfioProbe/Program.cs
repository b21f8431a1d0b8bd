using Makatea.Platform;
using Makatea.VfioProbe;

// Runs in a guest, on an NVMe controller behind an IOMMU. A line "ok: ..." for each thing that works; the status is 0 only where all of it does.
switch (args)
{
    case ["probe", string text] when PciAddress.TryParse(text, out PciAddress address):
        Probe.Run(address);
        return 0;
    case ["removal", string text] when PciAddress.TryParse(text, out PciAddress address):
        Removal.Wait(address);
        return 0;
    case ["component", string name]:
        Component.Run(name);
        return 0;
    default:
        Console.Error.WriteLine("""
            usage: vfioprobe probe ADDRESS         bind, drive and give back an NVMe controller, here and in a sandboxed component
                   vfioprobe removal ADDRESS       hold a function until it is asked for
            """);
        return 2;
}
