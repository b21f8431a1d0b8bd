namespace Makatea.Vmm.Acpi;

/// <summary>The fixed description table ([ACPI-6.5] 5.2.9): power management by fixed registers in I/O ports, always in ACPI mode.</summary>
internal static class Fadt
{
    private const byte Revision = 6;
    private const byte MinorRevision = 5;

    private const int EventLength = 4;
    private const int ControlLength = 2;
    private const int TimerLength = 4;

    // What a system without states C2 and C3 has there (table 5.9).
    private const ushort NoC2 = 0x65;
    private const ushort NoC3 = 0x3e9;

    private const ushort VgaNotPresent = 1 << 2;
    private const ushort NoAspm = 1 << 4;
    private const ushort ClockNotPresent = 1 << 5;

    private const uint Wbinvd = 1 << 0;
    private const uint HaltIsC1 = 1 << 2;
    private const uint NoSleepButton = 1 << 5;
    private const uint NoClockWake = 1 << 6;
    private const uint TimerHas32Bits = 1 << 8;
    private const uint HasResetRegister = 1 << 10;
    private const uint Headless = 1 << 12;

    internal static byte[] Create(AcpiDescription description, ulong facs, ulong dsdt)
    {
        AcpiPower power = description.Power;
        TableBuilder table = new("FACP", Revision);
        table.Add((uint)facs).Add((uint)dsdt);
        table.To(46).Add((ushort)power.InterruptPin);
        table.To(56).Add((uint)power.EventBlock);
        table.To(64).Add((uint)power.ControlBlock);
        table.To(76).Add((uint)power.Timer);
        table.To(88).Add((byte)EventLength).Add((byte)ControlLength).Add((byte)0).Add((byte)TimerLength);
        table.To(96).Add(NoC2).Add(NoC3);
        table.To(109).Add((ushort)(VgaNotPresent | NoAspm | (description.HasClock ? 0 : ClockNotPresent)));
        table.To(112).Add(Wbinvd | HaltIsC1 | NoSleepButton | NoClockWake | TimerHas32Bits | HasResetRegister | Headless);
        AddPort(table, power.Reset, 1, AccessSize.Byte);
        table.Add(power.ResetValue);
        table.To(131).Add(MinorRevision);
        table.To(140).Add(dsdt);
        AddPort(table, power.EventBlock, EventLength, AccessSize.Word);
        table.To(172);
        AddPort(table, power.ControlBlock, ControlLength, AccessSize.Word);
        table.To(208);
        AddPort(table, power.Timer, TimerLength, AccessSize.DWord);
        return table.To(276).Close();
    }

    // A generic address (5.2.3.2).
    private static void AddPort(TableBuilder table, ushort port, int length, AccessSize access)
    {
        const byte SystemIo = 1;
        table.Add(SystemIo).Add((byte)(length * 8)).Add((byte)0).Add((byte)access).Add((ulong)port);
    }

    private enum AccessSize : byte
    {
        Byte = 1,
        Word = 2,
        DWord = 3,
    }
}
