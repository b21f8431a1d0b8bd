using Makatea.HostileDevice;
using Makatea.Platform;
using Makatea.Platform.Sel4;

// Has its NVMe controller write 4 KiB into each of a machine's megabytes. An IOMMU lets it where the component mapped memory for it, and nowhere else.
const ulong Machine = 512 << 20;
const ulong Step = 1 << 20;
const ulong Within = 0x8_0000;
var component = Sel4Component.Attach();
using PciFunction function = component.Grants.OpenFunction(component.Grants.Functions.First());
using var device = new WritingDevice(function);
using (DmaMemory own = function.Dma.Allocate(4096))
{
    if (device.Write(own.Iova) != 0 || own.Slice(0, 4096).AsSpan().IndexOfAnyExcept((byte)0) < 0)
    {
        Console.WriteLine("failed: the device does not reach what it may");
        return 1;
    }
}

int tried = 0;
for (ulong address = Within; address < Machine; address += Step, tried++)
{
    // What becomes of it the kernel says: the controller that QEMU emulates takes what was refused for written.
    _ = device.Write(address);
}

Console.WriteLine($"done: the device was told to write to {tried} addresses");
return 0;
