using System.Globalization;
using Makatea.Drivers.Nvme;
using Makatea.NvmeLoad;
using Makatea.Platform;
using Makatea.Platform.Linux;

// Runs in a guest, on an NVMe controller that is bound to vfio-pci: random reads or writes of 4 KiB for a time, and prints how many a second.
// "follow" moves the queue's interrupt after its thread, once a second, as 'makatea up' does.
if (args is not [string address, "read" or "write", string depth, string seconds, string pollMicroseconds, "follow" or "stay"] || !PciAddress.TryParse(address, out PciAddress function))
{
    Console.Error.WriteLine("usage: nvmeload ADDRESS read|write DEPTH SECONDS POLL-MICROSECONDS follow|stay");
    return 2;
}

using VfioDmaSpace space = VfioDmaSpace.Create();
using NvmeNamespace disk = NvmeNamespace.Open(space.Open(function), 1);
using var load = new RandomLoad(disk, space, args[1] == "write" ? BlockOperation.Write : BlockOperation.Read, int.Parse(depth, CultureInfo.InvariantCulture));
TimeSpan polling = TimeSpan.FromMicroseconds(double.Parse(pollMicroseconds, CultureInfo.InvariantCulture));
load.Run(TimeSpan.FromSeconds(0.3), polling);
var affinity = new InterruptAffinity(function);
using Timer? following = args[5] == "stay" ? null : new(_ => Follow(), null, TimeSpan.Zero, TimeSpan.FromSeconds(1));
double rate = load.Run(TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)), polling);
Console.WriteLine(rate.ToString("0", CultureInfo.InvariantCulture));
return 0;

void Follow()
{
    foreach (NvmeQueueStatistics queue in disk.Controller.Queues.Where(q => q is { Vector: >= 0, Processor: >= 0 }))
    {
        _ = affinity.Move(queue.Vector, queue.Processor);
    }
}
