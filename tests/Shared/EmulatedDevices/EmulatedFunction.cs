using Makatea.Drivers.Iommu;
using Makatea.Drivers.Pci;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.EmulatedDevices;

/// <summary>
/// One of QEMU's devices on a machine of its own, kept by VT-d to the memory that it was given. A DMA that VT-d had to block fails the test at the end.
/// </summary>
public class EmulatedFunction : IDisposable
{
    /// <summary>Starts the machine; skips the test where there is no QEMU.</summary>
    /// <param name="options">Its devices.</param>
    /// <param name="classCode">Class of the one that is meant.</param>
    public EmulatedFunction(QemuMachineOptions options, uint classCode)
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
        PciAddress address = functions.Values.Single(f => f.Identity.ClassCode == classCode).Address;
        IommuDomain domain = Iommu.CreateDomain();
        Host = new(new IommuMachine(Machine, Iommu));
        Function = Host.Open(address, domain);
        domain.Attach(address);
    }

    public QemuMachine Machine { get; }

    public IommuHost Iommu { get; }

    /// <summary>Whoever opened the function.</summary>
    public PciHost Host { get; }

    /// <summary>The device, for the driver, which disposes it.</summary>
    public PciFunction Function { get; }

    public void Dispose()
    {
        Function.Dispose();
        List<IommuFault> faults = [];
        Iommu.TakeFaults(faults);
        Iommu.Dispose();
        Machine.Dispose();
        GC.SuppressFinalize(this);
        Assert.Empty(faults);
    }
}
