using Makatea.Drivers.Pci;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>A machine of QEMU's models whose devices are behind QEMU's model of VT-d, with our driver on that.</summary>
internal sealed class VtdBed : IDisposable
{
    /// <summary>Where QEMU's q35 has its unit.</summary>
    internal const ulong UnitBase = 0xfed9_0000;

    private readonly PciHost _pci;
    private bool _abandoned;

    private VtdBed(QemuMachine machine)
    {
        Machine = machine;
        var pci = new PciHost(machine);
        Functions = pci.Scan();
        Iommu = IommuHost.Open(machine, new() { Timeout = TimeSpan.FromSeconds(20), Bridges = pci.BusesOf });
        _pci = new PciHost(new IommuMachine(machine, Iommu));
    }

    internal QemuMachine Machine { get; }

    internal IommuHost Iommu { get; }

    /// <summary>What is on its buses.</summary>
    internal IReadOnlyList<PciFunctionInfo> Functions { get; }

    /// <summary>Starts a machine with edu devices; skips the test where there is no QEMU.</summary>
    /// <param name="unit">Properties of the unit.</param>
    /// <param name="devices">How many devices.</param>
    /// <param name="memory">Memory in bytes.</param>
    internal static VtdBed Start(string unit = "", int devices = 1, ulong memory = 256 << 20) =>
        Start(unit, memory, [.. Enumerable.Range(0, devices).Select(i => $"edu,dma_mask=0xffffffffffffffff,addr={4 + i}")]);

    /// <summary>Starts a machine with any devices; skips the test where there is no QEMU.</summary>
    internal static VtdBed Start(string unit, ulong memory, params string[] devices)
    {
        try
        {
            return new VtdBed(QemuMachine.Start(new QemuMachineOptions { Devices = [$"intel-iommu,intremap=on,x-scalable-mode=off{unit}", .. devices], Memory = memory }));
        }
        catch (FileNotFoundException e)
        {
            Skip.If(true, e.Message);
            throw;
        }
    }

    /// <summary>Opens a device; it is in no domain yet.</summary>
    internal EduDevice Open(IommuDomain domain, int device = 0) => Open(domain, new PciAddress(0, 0, (byte)(4 + device), 0));

    /// <summary>Opens a device; it is in no domain yet.</summary>
    internal EduDevice Open(IommuDomain domain, PciAddress address)
    {
        PciFunction function = _pci.Open(address, domain);
        function.SetBusMaster(true);
        return new EduDevice(function, Machine.Ports);
    }

    /// <summary>Opens a device and puts it into the domain.</summary>
    internal EduDevice Attach(IommuDomain domain, int device = 0)
    {
        EduDevice edu = Open(domain, device);
        domain.Attach(edu.Address);
        return edu;
    }

    internal List<IommuFault> TakeFaults()
    {
        List<IommuFault> faults = [];
        Iommu.TakeFaults(faults);
        return faults;
    }

    /// <summary>Leaves the units as they are, as a program does that is killed.</summary>
    internal void Abandon() => _abandoned = true;

    public void Dispose()
    {
        if (!_abandoned)
        {
            Iommu.Dispose();
        }

        Machine.Dispose();
    }
}
