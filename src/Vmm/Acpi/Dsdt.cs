using Makatea.Vmm.Boot;
using Makatea.Vmm.Pci;

namespace Makatea.Vmm.Acpi;

/// <summary>The devices that no bus finds, in AML ([ACPI-6.5] 5.2.11.1).</summary>
internal static class Dsdt
{
    // From revision 2 on integers have 64 bits.
    private const byte Revision = 2;

    internal static byte[] Create(AcpiDescription description)
    {
        AmlWriter aml = new();
        AmlTerm off = AmlTerm.Integer(description.Power.SoftOff);
        aml.Name(@"\_S5", AmlTerm.Package(off, off, AmlTerm.Integer(0), AmlTerm.Integer(0)));
        aml.Scope(@"\_SB", system =>
        {
            AddBoard(system, description);
            if (description.HasSerialPort)
            {
                AddSerialPort(system);
            }

            if (description.HasClock)
            {
                AddClock(system);
            }

            if (description.HasPci)
            {
                PciHostDevice.Add(system, description);
                if (description.HotPlug is { } hotPlug)
                {
                    PciHotPlugMethods.AddEventDevice(system, hotPlug);
                }
            }

            for (int i = 0; i < description.VirtioDevices.Count; i++)
            {
                AddVirtioDevice(system, i, description.VirtioDevices[i]);
            }
        });
        return new TableBuilder("DSDT", Revision).Add(aml.ToArray()).Close();
    }

    // What is taken and belongs to no other device. Linux uses ECAM only where it finds it here.
    private static void AddBoard(AmlWriter system, AcpiDescription description) => system.Device("BORD", board =>
    {
        AcpiPower power = description.Power;
        ResourceTemplate resources = new();
        resources.Ports(power.EventBlock, 4).Ports(power.ControlBlock, 2).Ports(power.Timer, 4);
        if (description.HasPci)
        {
            resources.Memory(GuestLayout.Ecam);
        }

        if (description.HotPlug is { } hotPlug)
        {
            resources.Ports(hotPlug.Port, (byte)HotPlugController.PortCount);
        }

        board.Name("_HID", AmlTerm.EisaId("PNP0C02"));
        board.Name("_UID", AmlTerm.Integer(0));
        board.Name("_CRS", resources.ToTerm());
    });

    private static void AddSerialPort(AmlWriter system) => system.Device("COM1", port =>
    {
        port.Name("_HID", AmlTerm.EisaId("PNP0501"));
        port.Name("_UID", AmlTerm.Integer(1));
        port.Name("_CRS", new ResourceTemplate().Ports(PlatformPorts.Serial, (byte)PlatformPorts.SerialLength).IsaInterrupt(PlatformPins.Serial).ToTerm());
    });

    private static void AddClock(AmlWriter system) => system.Device("RTC", clock =>
    {
        clock.Name("_HID", AmlTerm.EisaId("PNP0B00"));
        clock.Name("_CRS", new ResourceTemplate().Ports(PlatformPorts.Rtc, (byte)PlatformPorts.RtcLength).IsaInterrupt(PlatformPins.Rtc).ToTerm());
    });

    private static void AddVirtioDevice(AmlWriter system, int number, AcpiVirtioDevice device) => system.Device($"V{number:X3}", virtio =>
    {
        virtio.Name("_HID", AmlTerm.String("LNRO0005"));
        virtio.Name("_UID", AmlTerm.Integer((ulong)number));
        virtio.Name("_CCA", AmlTerm.Integer(1));
        virtio.Name("_CRS", new ResourceTemplate().Memory(new(device.Address, GuestLayout.VirtioMmioLength)).Interrupt(device.Interrupt).ToTerm());
    });
}
