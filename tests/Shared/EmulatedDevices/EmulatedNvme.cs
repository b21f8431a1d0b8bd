using Makatea.Drivers.Iommu;
using Makatea.Drivers.Pci;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.EmulatedDevices;

/// <summary>
/// QEMU's NVMe controller on a machine of its own, kept by VT-d to the memory that it was given. A DMA that VT-d had to block fails the test at the end.
/// </summary>
public sealed class EmulatedNvme : IDisposable
{
    private const uint NvmeClass = 0x010802;

    /// <summary>Starts the machine; skips the test where there is no QEMU.</summary>
    /// <param name="options">Its block devices and the controller.</param>
    public EmulatedNvme(QemuMachineOptions options)
    {
        try
        {
            Machine = QemuMachine.Start(options with { Devices = ["intel-iommu,intremap=on", .. options.Devices] });
        }
        catch (FileNotFoundException e)
        {
            Skip.If(true, e.Message);
            throw;
        }

        Dictionary<PciAddress, PciFunctionInfo> functions = new PciHost(Machine).Scan().ToDictionary(f => f.Address);
        Iommu = IommuHost.Open(Machine, new() { Bridges = a => functions.GetValueOrDefault(a)?.SecondaryBus is { } bus ? (bus, bus) : null });
        PciAddress address = functions.Values.Single(f => f.Identity.ClassCode == NvmeClass).Address;
        IommuDomain domain = Iommu.CreateDomain();
        Function = new PciHost(new IommuMachine(Machine, Iommu)).Open(address, domain);
        domain.Attach(address);
    }

    public QemuMachine Machine { get; }

    public IommuHost Iommu { get; }

    /// <summary>The controller, for the driver, which disposes it.</summary>
    public PciFunction Function { get; }

    public void Dispose()
    {
        Function.Dispose();
        List<IommuFault> faults = [];
        Iommu.TakeFaults(faults);
        Iommu.Dispose();
        Machine.Dispose();
        Assert.Empty(faults);
    }
}
