using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Tests.Acpi;

/// <summary>What ACPICA's interpreter makes of the DSDT.</summary>
public sealed class DsdtTests
{
    [SkippableTheory]
    [InlineData(@"Name (_HID, EisaId (""PNP0A08"") /* PCI Express Bus */)")]
    [InlineData(@"Name (_HID, EisaId (""PNP0501"") /* 16550A-compatible COM Serial Port */)")]
    [InlineData(@"Name (_HID, EisaId (""PNP0B00"") /* AT Real-Time Clock */)")]
    [InlineData(@"Name (_HID, ""LNRO0005"")")]
    [InlineData(@"Name (_HID, ""ACPI0013"" /* Generic Event Device */)")]
    public void It_names_the_devices(string text) => Assert.Contains(text, AcpiTools.RoundTrip(TestMachines.Full.Table("DSDT")).Source);

    [SkippableFact]
    public void It_leaves_out_what_is_not_there()
    {
        string source = AcpiTools.RoundTrip(TestMachines.Smallest.Table("DSDT")).Source;
        Assert.DoesNotContain("PCI0", source);
        Assert.DoesNotContain("COM1", source);
        Assert.DoesNotContain("RTC", source);
        Assert.DoesNotContain("GED", source);
    }

    [SkippableFact]
    public void The_bridge_passes_the_windows_of_the_layout_on()
    {
        string resources = AcpiTools.Execute(TestMachines.Full.Table("DSDT"), @"resources \_SB.PCI0");
        Assert.Matches("Address Minimum : C0000000\\s+Address Maximum : DFFFFFFF", resources);
        Assert.Matches("Address Minimum : 000000F000000000\\s+Address Maximum : 000000FFFFFFFFFF", resources);
        Assert.Matches("Address Minimum : 0CF8", resources);
        Assert.Contains("64-Bit", resources);
    }

    [SkippableFact]
    public void Without_a_high_window_there_is_none() => Assert.DoesNotContain(
        "64-Bit",
        AcpiTools.Execute((TestMachines.Full with { Layout = new GuestLayout(48UL << 30, 36) }).Table("DSDT"), @"resources \_SB.PCI0"));

    [SkippableFact]
    public void Soft_off_is_the_sleep_type_of_power_management()
    {
        byte[] table = (TestMachines.Smallest with { Power = new() { SoftOff = 7 } }).Table("DSDT");
        Assert.Matches(@"\[Integer\] = 0000000000000007\s+\[Integer\] = 0000000000000007\s+\[Integer\] = 0000000000000000", AcpiTools.Execute(table, @"evaluate \_S5"));
    }

    /// <summary>[ACPI-6.5] 6.2.11: control of everything is asked for and none is given.</summary>
    [SkippableTheory]
    [InlineData("5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66", 1, "1F", "11 00 00 00 1F 00 00 00 00 00 00 00")]
    [InlineData("5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66", 1, "00", "01 00 00 00 1F 00 00 00 00 00 00 00")]
    [InlineData("5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66", 2, "00", "09 00 00 00 1F 00 00 00 00 00 00 00")]
    [InlineData("00 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66", 1, "1F", "05 00 00 00 1F 00 00 00 1F 00 00 00")]
    public void The_platform_keeps_control_of_PCI_Express(string uuid, int revision, string asked, string answer) => Assert.Contains(
        answer,
        AcpiTools.Execute(TestMachines.Full.Table("DSDT"), $@"execute \_SB.PCI0._OSC ({uuid}) {revision} 3 (01 00 00 00 1F 00 00 00 {asked} 00 00 00)"));

    [SkippableFact]
    public void An_event_tells_of_the_slots_that_changed()
    {
        // Bit 5 of each byte: slots 5, 13, 21 and 29, which are both attached and to be given up.
        string output = AcpiTools.Execute(TestMachines.Full.Table("DSDT"), @"execute \_SB.GED._EVT 16", registers: 0x20);
        string[] lines = [.. output.Split('\n').Where(line => line.Contains("Notify on"))];
        Assert.Equal(8, lines.Length);
        foreach (string slot in (string[])["S05_", "S0D_", "S15_", "S1D_"])
        {
            Assert.Contains(lines, line => line.Contains(slot) && line.Contains("Value 0x01"));
            Assert.Contains(lines, line => line.Contains(slot) && line.Contains("Value 0x03"));
        }
    }

    [SkippableFact]
    public void Nothing_changed_is_nothing_said() =>
        Assert.DoesNotContain("Notify on", AcpiTools.Execute(TestMachines.Full.Table("DSDT"), @"execute \_SB.GED._EVT 16"));

    [SkippableFact]
    public void Every_slot_says_where_it_is()
    {
        string names = AcpiTools.Execute(TestMachines.Full.Table("DSDT"), @"namespace \_SB.PCI0");
        for (int slot = 1; slot < 32; slot++)
        {
            Assert.Matches($@"S{slot:X2}_ Device[^\n]*\n[^\n]*_ADR Integer[^\n]*= 0*{slot << 16:X}\n[^\n]*_SUN Integer[^\n]*= 0*{slot:X}\n[^\n]*_EJ0 Method", names);
        }
    }
}
