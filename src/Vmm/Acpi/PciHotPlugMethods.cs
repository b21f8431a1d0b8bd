namespace Makatea.Vmm.Acpi;

/// <summary>
/// Slots of the PCI bus that are attached and detached while the guest runs: a device for each with a method that ejects it, and an event device (GED) whose interrupt has the registers looked at
/// ([ACPI-6.5] 5.6.9, 6.3.3). <c>HotPlugController</c> is the other side.
/// </summary>
internal static class PciHotPlugMethods
{
    // Slot 0 is the host bridge itself.
    private const int FirstSlot = 1;
    private const int Slots = 32;
    private const ulong DeviceCheck = 1;
    private const ulong EjectRequest = 3;

    internal static void AddSlots(AmlWriter bridge, AcpiHotPlug hotPlug)
    {
        bridge.Ports("HPRG", hotPlug.Port, "HPUP", "HPDN", "HPEJ");
        for (int slot = FirstSlot; slot < Slots; slot++)
        {
            int number = slot;
            bridge.Device(Name(slot), device =>
            {
                device.Name("_ADR", AmlTerm.Integer((ulong)number << 16));
                device.Name("_SUN", AmlTerm.Integer((ulong)number));
                device.Method("_EJ0", 1, isSerialized: false, eject => eject.Store(AmlTerm.Integer(1UL << number), AmlTerm.Path("HPEJ")));
            });
        }

        bridge.Method("HPEV", 0, isSerialized: true, method =>
        {
            method.Store(AmlTerm.Path("HPUP"), AmlTerm.Local(0));
            method.Store(AmlTerm.Path("HPDN"), AmlTerm.Local(1));
            for (int slot = FirstSlot; slot < Slots; slot++)
            {
                NotifyIf(method, AmlTerm.Local(0), slot, DeviceCheck);
                NotifyIf(method, AmlTerm.Local(1), slot, EjectRequest);
            }
        });
    }

    internal static void AddEventDevice(AmlWriter system, AcpiHotPlug hotPlug) => system.Device("GED", device =>
    {
        device.Name("_HID", AmlTerm.String("ACPI0013"));
        device.Name("_UID", AmlTerm.Integer(0));
        device.Name("_CRS", new ResourceTemplate().Interrupt(hotPlug.Interrupt).ToTerm());
        device.Method("_EVT", 1, isSerialized: true, method => method.Call(@"\_SB.PCI0.HPEV"));
    });

    private static void NotifyIf(AmlWriter method, AmlTerm slots, int slot, ulong value) =>
        method.If(AmlTerm.And(slots, AmlTerm.Integer(1UL << slot)), body => body.Notify(Name(slot), value));

    private static string Name(int slot) => $"S{slot:X2}";
}
