using System.Runtime.InteropServices;
using Makatea.Drivers.Iommu;
using Makatea.Drivers.Pci;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Qemu;
using Makatea.Systems;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Running;

/// <summary>An 82574L that is a device model.</summary>
/// <param name="wire">What its wire is, as <see cref="UplinkDescription.Wire"/> says.</param>
/// <param name="tap">The TAP device, where the wire is one; it stays the caller's.</param>
/// <param name="mac">The adapter's address.</param>
/// <param name="qemu">QEMU's executable.</param>
/// <param name="notice">Told in a sentence what protects, and what the adapter was kept from.</param>
internal sealed class EmulatedAdapter(string wire, SafeFileHandle? tap, MacAddress mac, string qemu, Action<string> notice) : EmulatedController(notice)
{
    private const uint EthernetClass = 0x020000;
    private const int TapDescriptor = 16;

    /// <inheritdoc/>
    protected override QemuMachineOptions Models => new()
    {
        Executable = qemu,
        Memory = 64 << 20,
        Arguments = ["-netdev", tap is null ? QemuWire.Netdev(wire, "wire") : $"tap,id=wire,fd={TapDescriptor}"],
        Devices = [$"e1000e,netdev=wire,mac={mac}"],
        Descriptors = tap is null ? new Dictionary<int, SafeHandle>() : new Dictionary<int, SafeHandle> { [TapDescriptor] = tap },
    };

    /// <inheritdoc/>
    protected override uint ClassCode => EthernetClass;

    /// <inheritdoc/>
    public override string Noun => "82574L";

    /// <inheritdoc/>
    protected override string Try(Machine machine, IommuHost iommu, PciHost pci, PciAddress address) => AdapterTrial.Run(machine, iommu, pci, address);
}
