using Makatea.Platform;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Pci;

namespace Makatea.Vmm;

/// <summary>The devices that every PC has, on its ports, addresses and pins. The ACPI tables tell the guest the same.</summary>
internal sealed class PlatformDevices
{
    /// <summary>Puts them in their places.</summary>
    /// <param name="ports">The machine's I/O ports.</param>
    /// <param name="memory">Its device memory.</param>
    /// <param name="layout">Where things are in it.</param>
    /// <param name="ioApic">Where their interrupts go.</param>
    /// <param name="deadlines">Where they wait.</param>
    /// <param name="asked">Called when the guest asks for power off or a reset, on a processor's thread.</param>
    /// <param name="ejected">Called with what the guest gave up, on a processor's thread.</param>
    public PlatformDevices(DeviceBus ports, DeviceBus memory, GuestLayout layout, IoApic ioApic, DeadlineQueue deadlines, Action<PowerRequest> asked, Action<int, PciFunctionModel> ejected)
    {
        Serial = new SerialPort(ioApic.Connect(PlatformPins.Serial));
        Power = new PowerManagement(ioApic.Connect(PlatformPins.Power), deadlines, asked);
        var timer = new IntervalTimer(ioApic.Connect(PlatformPins.Pit), deadlines);
        ports.Add(PlatformPorts.Serial, PlatformPorts.SerialLength, Serial);
        ports.Add(PlatformPorts.Power, PlatformPorts.PowerLength, Power);
        ports.Add(PlatformPorts.Pit, PlatformPorts.PitLength, timer);
        var portB = new PortB(timer, deadlines.Clock);
        ports.Add(PlatformPorts.PortB, 1, portB);
        var clock = new RealTimeClock(ioApic.Connect(PlatformPins.Rtc), deadlines);
        ports.Add(PlatformPorts.Rtc, PlatformPorts.RtcLength, clock);
        ports.Add(PlatformPorts.KeyboardCommand, 1, new KeyboardController(asked));
        var reset = new ResetControl(asked);
        Pci = new PciHostBridge(memory, layout, reset);
        ports.Add(PciHostBridge.FirstPort, PciHostBridge.PortCount, Pci.Ports);
        memory.Add(GuestLayout.Ecam.First, GuestLayout.Ecam.Length, Pci.Ecam);
        HotPlug = new HotPlugController(Pci, ioApic.Connect(PlatformPins.HotPlug), ejected);
        ports.Add(PlatformPorts.HotPlug, HotPlugController.PortCount, HotPlug);
        Saved =
        [
            ("serial", Serial), ("power", Power), ("timer", timer), ("port b", portB), ("clock", clock), ("reset", reset), ("pci", Pci), ("slots", HotPlug),
        ];
    }

    /// <summary>All that has a state, with the names that a snapshot has for it. The I/O APIC comes after them.</summary>
    public IReadOnlyList<(string Name, ISavedState Device)> Saved { get; }

    /// <summary>Slots of the bus that come and go.</summary>
    public HotPlugController HotPlug { get; }

    /// <summary>The serial console.</summary>
    public SerialPort Serial { get; }

    /// <summary>PCI's bus 0.</summary>
    public PciHostBridge Pci { get; }

    /// <summary>The power button, and what the guest does about it.</summary>
    public PowerManagement Power { get; }
}
