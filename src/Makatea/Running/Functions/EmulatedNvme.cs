using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Makatea.Drivers.Iommu;
using Makatea.Drivers.Nvme;
using Makatea.Drivers.Pci;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Running;

/// <summary>An NVMe controller that is a device model.</summary>
/// <param name="files">Open files of the namespaces, from 1; they stay the caller's.</param>
/// <param name="qemu">QEMU's executable.</param>
/// <param name="notice">Told in a sentence what protects, and what the controller was kept from.</param>
internal sealed class EmulatedNvme(IReadOnlyList<SafeFileHandle> files, string qemu, Action<string> notice) : EmulatedController(notice)
{
    private const int FirstDescriptor = 16;

    /// <inheritdoc/>
    protected override QemuMachineOptions Models => new()
    {
        Executable = qemu,
        Memory = 64 << 20,
        Arguments = [.. files.SelectMany((file, i) => new[] { "-add-fd", $"fd={FirstDescriptor + i},set={i + 1}", "-blockdev", Node(file, i) })],
        Devices = ["nvme,id=nvme,serial=emulated", .. files.Select((_, i) => $"nvme-ns,drive=namespace{i + 1},bus=nvme,nsid={i + 1}")],
        Descriptors = files.Select((file, i) => (file, i)).ToDictionary(f => FirstDescriptor + f.i, f => (SafeHandle)f.file),
    };

    /// <inheritdoc/>
    protected override uint ClassCode => NvmeController.ClassCode;

    /// <inheritdoc/>
    public override string Noun => ControllerKind.Nvme.Noun;

    /// <inheritdoc/>
    protected override string Try(Machine machine, IommuHost iommu, PciHost pci, PciAddress address) => ProtectionTrial.Run(machine, iommu, pci, address);

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
}
