using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Acpi;

/// <summary>
/// The interrupt controllers ([ACPI-6.5] 5.2.12): local APICs and one IOAPIC. There are no 8259s, and without the flag that says so Linux needs none.
/// </summary>
internal static class Madt
{
    private const byte LocalApic = 0;
    private const byte IoApic = 1;
    private const byte SourceOverride = 2;
    private const byte LocalApicNmi = 4;
    private const byte X2Apic = 9;
    private const byte X2ApicNmi = 10;

    // 255 of a local APIC names all of them.
    private const uint LargestApicId = 254;
    private const uint Enabled = 1;
    private const ushort ActiveHighLevel = 0b1101;
    private const ushort AsTheBus = 0;
    private const byte NmiPin = 1;

    internal static byte[] Create(AcpiDescription description)
    {
        TableBuilder table = new("APIC", 5);
        table.Add((uint)GuestLayout.LocalApic.First).Add(0U);
        for (int i = 0; i < description.ApicIds.Count; i++)
        {
            AddProcessor(table, (uint)i, description.ApicIds[i]);
        }

        table.Add([IoApic, 12, description.IoApicId, 0]).Add((uint)GuestLayout.IoApic.First).Add(0U);
        if (description.TimerPin != 0)
        {
            AddOverride(table, 0, description.TimerPin, AsTheBus);
        }

        AddOverride(table, description.Power.InterruptPin, description.Power.InterruptPin, ActiveHighLevel);
        table.Add([LocalApicNmi, 6, byte.MaxValue]).Add(AsTheBus).Add(NmiPin);
        if (description.ApicIds.Any(id => id > LargestApicId))
        {
            table.Add([X2ApicNmi, 12]).Add(AsTheBus).Add(uint.MaxValue).Add([NmiPin, 0, 0, 0]);
        }

        return table.Close();
    }

    private static void AddProcessor(TableBuilder table, uint number, uint id)
    {
        if (id <= LargestApicId && number <= byte.MaxValue)
        {
            table.Add([LocalApic, 8, (byte)number, (byte)id]).Add(Enabled);
        }
        else
        {
            table.Add([X2Apic, 16, 0, 0]).Add(id).Add(Enabled).Add(number);
        }
    }

    private static void AddOverride(TableBuilder table, byte isaInterrupt, uint pin, ushort flags) => table.Add([SourceOverride, 10, 0, isaInterrupt]).Add(pin).Add(flags);
}
