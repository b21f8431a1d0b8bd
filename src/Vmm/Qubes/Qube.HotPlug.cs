using Makatea.Vmm.Pci;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm;

/// <content>Devices that come and go while the guest runs: slots of its PCI bus.</content>
public sealed partial class Qube
{
    /// <summary>Puts a device onto the PCI bus and tells the guest, which takes it when it gets to it. From any thread.</summary>
    /// <param name="device">The device; stays the caller's, who keeps it until <see cref="QubeOptions.Detached"/> or the qube's end.</param>
    /// <exception cref="VirtioFrontEndException">There is no slot left.</exception>
    public void Attach(VirtioFrontEnd device)
    {
        ArgumentNullException.ThrowIfNull(device);
        lock (_control)
        {
            int slot = _devices.Pci.FindFreeSlot();
            if (slot < 0)
            {
                throw new VirtioFrontEndException($"all {PciHostBridge.Slots - 1} slots of the guest's PCI bus are taken; detach a device first");
            }

            _devices.HotPlug.Attach(slot, new VirtioPciFunction(device, Interrupts, _machine.AttachDoorbell, _options.Report));
        }
    }

    /// <summary>Asks the guest to give a device up. It is told to <see cref="QubeOptions.Detached"/> when it has, which may be never. From any thread.</summary>
    /// <exception cref="VirtioFrontEndException">It is not on the PCI bus.</exception>
    public void Detach(VirtioFrontEnd device)
    {
        ArgumentNullException.ThrowIfNull(device);
        lock (_control)
        {
            int slot = _devices.Pci.DeviceSlots.FirstOrDefault(slot => _devices.Pci.FunctionAt(slot) is VirtioPciFunction function && function.Device == device);
            if (slot == 0)
            {
                throw new VirtioFrontEndException("the device is not on the guest's PCI bus");
            }

            _devices.HotPlug.RequestEject(slot);
        }
    }

    private void OnEjected(int slot, PciFunctionModel function)
    {
        // A driver has let go of the queues before; one that has not finds nobody there.
        function.ResetConfig();
        if (function is VirtioPciFunction virtio)
        {
            _options.Detached(virtio.Device);
        }
    }
}
