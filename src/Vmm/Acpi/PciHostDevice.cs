using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Acpi;

/// <summary>The host bridge of the PCI bus in AML. Functions signal by messages alone, so no interrupts are routed (_PRT).</summary>
internal static class PciHostDevice
{
    private const int ConfigurationPort = 0xcf8;

    // [ACPI-6.5] 6.2.11, table 6.13.
    private const ulong UnknownUuid = 1 << 2;
    private const ulong UnknownRevision = 1 << 3;
    private const ulong CapabilitiesMasked = 1 << 4;

    // Native hot plug, power management events and error reports of PCI Express: [PCI-FW-3.3] 4.5.1.
    private static readonly Guid _pciExpress = new("33db4d5b-1ff7-401c-9657-7441c03dd766");

    internal static void Add(AmlWriter system, AcpiDescription description) => system.Device("PCI0", bridge =>
    {
        bridge.Name("_HID", AmlTerm.EisaId("PNP0A08"));
        bridge.Name("_CID", AmlTerm.EisaId("PNP0A03"));
        bridge.Name("_UID", AmlTerm.Integer(0));
        bridge.Name("_SEG", AmlTerm.Integer(0));
        bridge.Name("_BBN", AmlTerm.Integer(0));
        bridge.Name("_CRS", Windows(description.Layout).ToTerm());
        AddControl(bridge);
        if (description.HotPlug is { } hotPlug)
        {
            PciHotPlugMethods.AddSlots(bridge, hotPlug);
        }
    });

    private static ResourceTemplate Windows(GuestLayout layout)
    {
        ResourceTemplate windows = new ResourceTemplate().Buses(0, 0).Ports(ConfigurationPort, 8).Window(GuestLayout.DeviceWindow);
        return layout.HighDeviceWindow.Length == 0 ? windows : windows.HighWindow(layout.HighDeviceWindow);
    }

    // The guest asks for control of what PCI Express can; it gets none: slots are the methods' below, and there are no ports that report anything.
    private static void AddControl(AmlWriter bridge) => bridge.Method("_OSC", 4, isSerialized: true, method =>
    {
        AmlTerm capabilities = AmlTerm.Argument(3);
        method.CreateDWordField(capabilities, 0, "CDW1");
        method.If(AmlTerm.Not(AmlTerm.AreEqual(AmlTerm.Argument(0), AmlTerm.Buffer(_pciExpress.ToByteArray()))), unknown =>
        {
            unknown.Store(AmlTerm.Or(AmlTerm.Path("CDW1"), AmlTerm.Integer(UnknownUuid)), AmlTerm.Path("CDW1"));
            unknown.Return(capabilities);
        });
        method.If(AmlTerm.Not(AmlTerm.AreEqual(AmlTerm.Argument(1), AmlTerm.Integer(1))), unknown =>
            unknown.Store(AmlTerm.Or(AmlTerm.Path("CDW1"), AmlTerm.Integer(UnknownRevision)), AmlTerm.Path("CDW1")));
        method.CreateDWordField(capabilities, 8, "CDW3");
        method.If(AmlTerm.Not(AmlTerm.AreEqual(AmlTerm.Path("CDW3"), AmlTerm.Integer(0))), asked =>
        {
            asked.Store(AmlTerm.Or(AmlTerm.Path("CDW1"), AmlTerm.Integer(CapabilitiesMasked)), AmlTerm.Path("CDW1"));
            asked.Store(AmlTerm.Integer(0), AmlTerm.Path("CDW3"));
        });
        method.Return(capabilities);
    });
}
