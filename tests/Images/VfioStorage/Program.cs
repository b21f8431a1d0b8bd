using System.Globalization;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Running;
using Makatea.VfioStorage;

// Runs in a guest, on an NVMe controller behind an IOMMU: the storage domain, compiled ahead of time, drives it through VFIO, and a front end writes, reads and checks patterns.
try
{
    switch (args)
    {
        case ["run", string text, string seed, string blocks, ..] when PciAddress.TryParse(text, out PciAddress address):
            Trial.Run(address, ulong.Parse(seed, CultureInfo.InvariantCulture), int.Parse(blocks, CultureInfo.InvariantCulture), args[4..]);
            return 0;
        case ["pull", string text] when PciAddress.TryParse(text, out PciAddress address):
            Trial.Pull(address);
            return 0;
        case ["cost", string text] when PciAddress.TryParse(text, out PciAddress address):
            Trial.Cost(address);
            return 0;
        case ["take", string text, ..] when PciAddress.TryParse(text, out PciAddress address):
            using (DomainFunction taken = Trial.Claim(address, args[2..]))
            {
                _ = taken.Open();
                Console.WriteLine("ok: taken");
                Thread.Sleep(Timeout.Infinite);
            }

            return 0;
        case ["give-back", string text] when PciAddress.TryParse(text, out PciAddress address):
            Console.WriteLine($"ok: {address} is {VfioBinding.GiveBack(address)}'s now");
            return 0;
        case ["component", string address, string type]:
            StorageComponent.Run(address, Enum.Parse<GrantType>(type));
            return 0;
        default:
            Console.Error.WriteLine("""
                usage: vfiostorage run ADDRESS SEED BLOCKS [--bind] [--allow-unprotected]
                                                            write, read and check BLOCKS blocks of 4 KiB through the storage domain on the controller
                       vfiostorage pull ADDRESS             write until the controller is pulled
                       vfiostorage cost ADDRESS             say what doorbells and requests cost, as src/Sel4/Programs/Client does on seL4
                       vfiostorage take ADDRESS [--bind]    hold the controller until killed
                       vfiostorage give-back ADDRESS        give it to the kernel's own driver
                """);
            return 2;
    }
}
catch (IOException e)
{
    Console.WriteLine($"refused: {e.Message}");
    return 1;
}
#pragma warning disable CA1031 // One that nobody caught would end the program before it gave the controller back.
catch (Exception e)
#pragma warning restore CA1031
{
    Console.WriteLine(e);
    return 3;
}
