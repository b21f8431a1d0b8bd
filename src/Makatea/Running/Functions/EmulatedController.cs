using System.Runtime.InteropServices;
using Makatea.Drivers.Iommu;
using Makatea.Drivers.Pci;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>
/// A controller that is one of QEMU's device models, behind a VT-d unit that is another. The manager is the trusted base: it drives the unit and the host bridge, and
/// serves the controller's function to the component over a channel. The models start with the first component.
/// </summary>
/// <param name="notice">Told in a sentence what protects, and what the controller was kept from.</param>
internal abstract class EmulatedController(Action<string> notice) : DomainFunction
{
    private static readonly TimeSpan _watchInterval = TimeSpan.FromMilliseconds(200);

    private QemuMachine? _machine;
    private IommuHost? _iommu;
    private PciHost? _pci;
    private PciAddress _address;
    private Timer? _watch;
    private ServedFunction? _served;

    /// <inheritdoc/>
    public override string Protection => "a device model behind VT-d";

    /// <inheritdoc/>
    public override IReadOnlyList<GrantType> Types { get; } = [GrantType.Channel];

    /// <inheritdoc/>
    public override IReadOnlyList<SafeHandle> Open()
    {
        _served?.Dispose();
        _served = null;
        if (_machine is null)
        {
            Start();
        }

        IommuDomain domain = _iommu!.CreateDomain();
        try
        {
            domain.Attach(_address);
            PciFunction function = _pci!.Open(_address, domain);
            function.Reset();
            _served = new ServedFunction(function, domain, notice);
        }
        catch
        {
            domain.Dispose();
            throw;
        }

        return [_served.Handle];
    }

    /// <inheritdoc/>
    public override void Release() => _served?.Release();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _served?.Dispose();
        using (var ended = new ManualResetEvent(false))
        {
            // No look at the faults is under way any more when the unit goes.
            if (_watch?.Dispose(ended) == true)
            {
                ended.WaitOne();
            }
        }

        _iommu?.Dispose();
        _machine?.Dispose();
    }

    /// <summary>The models besides the VT-d unit: QEMU's arguments, devices and descriptors.</summary>
    protected abstract QemuMachineOptions Models { get; }

    /// <summary>Class of the function among them that is served.</summary>
    protected abstract uint ClassCode { get; }

    /// <summary>Tries whether the VT-d unit keeps the controller from what it was not granted.</summary>
    /// <returns>What it was kept from, for people to read.</returns>
    /// <exception cref="IOException">It was not.</exception>
    protected abstract string Try(Machine machine, IommuHost iommu, PciHost pci, PciAddress address);

    private void Start()
    {
        QemuMachineOptions models = Models;
        _machine = QemuMachine.Start(models with { Devices = ["intel-iommu,intremap=on", .. models.Devices] });
        _iommu = IommuHost.Open(_machine);
        _pci = new PciHost(new IommuMachine(_machine, _iommu));
        _address = _pci.Scan().First(f => f.Identity.ClassCode == ClassCode).Address;
        notice($"its {Noun} {_address} is a device model (QEMU, process {_machine.ProcessId}) behind VT-d; {Try(_machine, _iommu, _pci, _address)}");
        _watch = new Timer(_ => TellFaults(), null, _watchInterval, _watchInterval);
    }

    private void TellFaults()
    {
        List<IommuFault> faults = [];
        bool lost;
        try
        {
            lost = _iommu!.TakeFaults(faults);
        }
        catch (IOException)
        {
            return; // The models are ending.
        }

        foreach (IGrouping<string, IommuFault> same in faults.GroupBy(f => f.ToString()))
        {
            notice(same.Count() == 1 ? same.Key : $"{same.Key} ({same.Count()} times)");
        }

        if (lost)
        {
            notice("its controller was kept from more than VT-d could record");
        }
    }
}
