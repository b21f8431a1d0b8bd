using System.Globalization;
using Makatea.E1000Traffic;
using Makatea.Platform;

// Runs in a guest, on an 82574L behind an IOMMU whose wire ends at a peer outside. The status is 0 only where all frames went both ways as they were.
switch (args)
{
    case [string text, string frames] when PciAddress.TryParse(text, out PciAddress address)
        && uint.TryParse(frames, CultureInfo.InvariantCulture, out uint count) && count % Exchange.Multiple == 0:
        Exchange.Run(address, count);
        return 0;
    default:
        Console.Error.WriteLine($"usage: e1000traffic ADDRESS FRAMES       exchange so many frames each way, a multiple of {Exchange.Multiple}");
        return 2;
}
