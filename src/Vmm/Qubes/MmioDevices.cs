using Makatea.Platform;
using Makatea.Vmm.Acpi;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm;

/// <summary>A qube's devices of virtio-mmio: registers one behind the other, and a pin each.</summary>
internal sealed class MmioDevices : IDisposable
{
    private readonly List<VirtioMmioDevice> _devices = [];
    private readonly List<IDisposable> _doorbells = [];
    private readonly List<AcpiVirtioDevice> _descriptions = [];

    /// <summary>Puts devices in their places.</summary>
    /// <exception cref="BootException">They are too many.</exception>
    public MmioDevices(IReadOnlyList<VirtioFrontEnd> devices, DeviceBus memory, IoApic ioApic, Func<DoorbellTrigger, Doorbell, IDisposable> attach, Action<string> report)
    {
        int most = IoApic.PinCount - PlatformPins.FirstVirtioMmio;
        if (devices.Count > most)
        {
            throw new BootException($"{devices.Count} devices of virtio-mmio: there are pins for {most}; the PCI bus takes more");
        }

        foreach (VirtioFrontEnd frontEnd in devices)
        {
            int pin = PlatformPins.FirstVirtioMmio + _devices.Count;
            ulong address = GuestLayout.VirtioMmio.First + ((ulong)_devices.Count * GuestLayout.VirtioMmioLength);
            var device = new VirtioMmioDevice(frontEnd, ioApic.Connect(pin), report);
            memory.Add(address, GuestLayout.VirtioMmioLength, device);
            _doorbells.AddRange(device.AttachDoorbells(attach, address));
            _devices.Add(device);
            _descriptions.Add(new AcpiVirtioDevice(address, (uint)pin));
        }
    }

    /// <summary>The devices.</summary>
    public IReadOnlyList<VirtioMmioDevice> Devices => _devices;

    /// <summary>What the ACPI tables say of them.</summary>
    public IReadOnlyList<AcpiVirtioDevice> Descriptions => _descriptions;

    /// <summary>Has them let go of the guest's rings.</summary>
    public void Reset() => _devices.ForEach(device => device.Reset());

    /// <inheritdoc/>
    public void Dispose() => _doorbells.ForEach(doorbell => doorbell.Dispose());
}
