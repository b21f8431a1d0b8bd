using System.Text.RegularExpressions;
using Makatea.Vmm.Acpi;

namespace Makatea.Vmm.Tests.Acpi;

/// <summary>[ACPI-6.5] 5.2.9, by the names that ACPICA's disassembler gives the fields.</summary>
public sealed class FadtTests
{
    [SkippableFact]
    public void Registers_are_where_power_management_has_them()
    {
        AcpiPower power = new() { EventBlock = 0x500, ControlBlock = 0x510, Timer = 0x520, Reset = 0x530, ResetValue = 0x55, InterruptPin = 11 };
        ILookup<string, string> fields = Fields(TestMachines.Smallest with { Power = power });
        Assert.Equal("000B", fields["SCI Interrupt"].Single());
        Assert.Equal("00000500", fields["PM1A Event Block Address"].Single());
        Assert.Equal("00000510", fields["PM1A Control Block Address"].Single());
        Assert.Equal("00000520", fields["PM Timer Block Address"].Single());
        Assert.Equal(["04", "02", "04"], [fields["PM1 Event Block Length"].Single(), fields["PM1 Control Block Length"].Single(), fields["PM Timer Block Length"].Single()]);
        Assert.Equal("55", fields["Value to cause reset"].Single());

        // The reset register comes first, then those of the extended blocks.
        string[] addresses = [.. fields["Address"].Where(address => address != "0000000000000000")];
        Assert.Equal(["0000000000000530", "0000000000000500", "0000000000000510", "0000000000000520"], addresses);
    }

    [SkippableFact]
    public void There_is_no_SMI_command_so_that_ACPI_is_always_on()
    {
        ILookup<string, string> fields = Fields(TestMachines.Smallest);
        Assert.Equal(["00000000", "00", "00"], [fields["SMI Command Port"].Single(), fields["ACPI Enable Value"].Single(), fields["ACPI Disable Value"].Single()]);
        Assert.Equal("0", fields["Hardware Reduced (V5)"].Single());
    }

    [SkippableFact]
    public void It_says_what_the_machine_has()
    {
        ILookup<string, string> full = Fields(TestMachines.Full);
        Assert.Equal("0", full["CMOS RTC Not Present (V5)"].Single());
        Assert.Equal("1", Fields(TestMachines.Smallest)["CMOS RTC Not Present (V5)"].Single());
        foreach (string name in (string[])["Reset Register Supported (V2)", "32-bit PM Timer (V1)", "VGA Not Present (V4)", "PCIe ASPM Not Supported (V4)", "Headless - No Video (V3)", "All CPUs support C1 (V1)"])
        {
            Assert.Equal("1", full[name].Single());
        }

        // The power button is a fixed one.
        Assert.Equal("0", full["Control Method Power Button (V1)"].Single());
        Assert.Equal("0", full["8042 Present on ports 60/64 (V2)"].Single());
    }

    private static ILookup<string, string> Fields(AcpiDescription machine) =>
        Regex.Matches(AcpiTools.RoundTrip(machine.Table("FACP")).Source, @"^(?:\[[0-9A-Fh ]+\])?\s*([^\[\]:]+?)\s+: ([0-9A-F]+)\b", RegexOptions.Multiline)
            .ToLookup(match => match.Groups[1].Value, match => match.Groups[2].Value);
}
