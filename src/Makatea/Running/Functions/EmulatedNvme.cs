using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Makatea.Drivers.Iommu;
using Makatea.Drivers.Nvme;
using Makatea.Drivers.Pci;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Running;

/// <summary>
/// An NVMe controller that is one of QEMU's device models, behind a VT-d unit that is another. The manager is the trusted base: it drives the unit and the host bridge, and
/// serves the controller's function to the component over a channel. The models start with the first component.
/// </summary>
/// <param name="files">Open files of the namespaces, from 1; they stay the caller's.</param>
/// <param name="qemu">QEMU's executable.</param>
/// <param name="notice">Told in a sentence what protects, and what the controller was kept from.</param>
internal sealed class EmulatedNvme(IReadOnlyList<SafeFileHandle> files, string qemu, Action<string> notice) : DomainFunction
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

    private static string Node(SafeFileHandle file, int index)
    {
        // A block device has no length as a file.
        string driver = RandomAccess.GetLength(file) == 0 ? "host_device" : "file";
        return new JsonObject
        {
            ["driver"] = "raw",
            ["node-name"] = $"namespace{index + 1}",
            ["discard"] = "unmap",
            ["file"] = new JsonObject { ["driver"] = driver, ["filename"] = $"/dev/fdset/{index + 1}", ["discard"] = "unmap" },
        }.ToJsonString();
    }

    private void Start()
    {
        const int FirstDescriptor = 16;
        _machine = QemuMachine.Start(new QemuMachineOptions
        {
            Executable = qemu,
            Memory = 64 << 20,
            Arguments = [.. files.SelectMany((file, i) => new[] { "-add-fd", $"fd={FirstDescriptor + i},set={i + 1}", "-blockdev", Node(file, i) })],
            Devices = ["intel-iommu,intremap=on", "nvme,id=nvme,serial=emulated", .. files.Select((_, i) => $"nvme-ns,drive=namespace{i + 1},bus=nvme,nsid={i + 1}")],
            Descriptors = files.Select((file, i) => (file, i)).ToDictionary(f => FirstDescriptor + f.i, f => (SafeHandle)f.file),
        });
        _iommu = IommuHost.Open(_machine);
        _pci = new PciHost(new IommuMachine(_machine, _iommu));
        _address = _pci.Scan().First(f => f.Identity.ClassCode == NvmeController.ClassCode).Address;
        notice($"its NVMe controller {_address} is a device model (QEMU, process {_machine.ProcessId}) behind VT-d; {ProtectionTrial.Run(_machine, _iommu, _pci, _address)}");
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
