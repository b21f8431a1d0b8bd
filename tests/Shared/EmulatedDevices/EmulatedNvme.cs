using Makatea.Platform.Linux;

namespace Makatea.EmulatedDevices;

/// <summary>QEMU's NVMe controller.</summary>
/// <param name="options">Its block devices and the controller.</param>
public sealed class EmulatedNvme(QemuMachineOptions options) : EmulatedFunction(options, NvmeClass)
{
    private const uint NvmeClass = 0x010802;
}
