using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>A message to the first processor, as a machine without remapping makes them.</summary>
internal sealed class ProcessorMessage(uint data, ulong address = 0xfee0_0000) : InterruptMessage
{
    public override ulong Address => address;

    public override uint Data => data;

    public override Doorbell Doorbell { get; } = new LinuxHost().CreateDoorbell();

    internal bool WasDisposed { get; private set; }

    protected override void Dispose(bool disposing)
    {
        WasDisposed = true;
        Doorbell.Dispose();
    }
}
