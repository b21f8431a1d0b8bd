using System.Globalization;
using Makatea.Platform;
using Makatea.VfioStorage;

// Runs in a guest, on an NVMe controller behind an IOMMU: the storage domain, compiled ahead of time, drives it through VFIO, and a front end writes, reads and checks patterns.
switch (args)
{
    case ["run", string text, string seed, string blocks] when PciAddress.TryParse(text, out PciAddress address):
        Trial.Run(address, ulong.Parse(seed, CultureInfo.InvariantCulture), int.Parse(blocks, CultureInfo.InvariantCulture));
        return 0;
    case ["component", string address]:
        StorageComponent.Run(address);
        return 0;
    default:
        Console.Error.WriteLine("""
            usage: vfiostorage run ADDRESS SEED BLOCKS       write, read and check BLOCKS blocks of 4 KiB through the storage domain on the controller
            """);
        return 2;
}
