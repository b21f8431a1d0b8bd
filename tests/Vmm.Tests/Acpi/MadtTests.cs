using System.Buffers.Binary;
using Makatea.Vmm.Acpi;

namespace Makatea.Vmm.Tests.Acpi;

/// <summary>[ACPI-6.5] 5.2.12.</summary>
public sealed class MadtTests
{
    [Fact]
    public void There_are_no_8259s()
    {
        byte[] table = TestMachines.Full.Table("APIC");
        Assert.Equal((0xfee0_0000U, 0U), (BinaryPrimitives.ReadUInt32LittleEndian(table.AsSpan(36)), BinaryPrimitives.ReadUInt32LittleEndian(table.AsSpan(40))));
    }

    [Fact]
    public void Processors_beyond_254_have_x2APICs()
    {
        List<byte[]> entries = Entries(TestMachines.Full);
        Assert.Equal([0, 1, 2, 3, 254], entries.Where(e => e[0] == 0).Select(e => (int)e[3]));
        Assert.All(entries.Where(e => e[0] == 0), e => Assert.Equal(1U, BinaryPrimitives.ReadUInt32LittleEndian(e.AsSpan(4))));
        byte[][] large = [.. entries.Where(e => e[0] == 9)];
        Assert.Equal([255U, 300U], large.Select(e => BinaryPrimitives.ReadUInt32LittleEndian(e.AsSpan(4))));
        Assert.Equal([5U, 6U], large.Select(e => BinaryPrimitives.ReadUInt32LittleEndian(e.AsSpan(12))));
    }

    [Fact]
    public void The_IOAPIC_has_the_global_interrupts_from_0_on() =>
        Assert.Equal((byte[])[1, 12, 7, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0], Assert.Single(Entries(TestMachines.Full), e => e[0] == 1));

    [Fact]
    public void The_timer_and_power_management_say_where_they_are()
    {
        AcpiDescription machine = TestMachines.Smallest with { TimerPin = 2, Power = new() { InterruptPin = 10 } };
        Assert.Equal([[2, 10, 0, 0, 2, 0, 0, 0, 0, 0], [2, 10, 0, 10, 10, 0, 0, 0, 13, 0]], Entries(machine).Where(e => e[0] == 2));
        Assert.Single(Entries(machine with { TimerPin = 0 }), e => e[0] == 2);
    }

    private static List<byte[]> Entries(AcpiDescription machine)
    {
        ReadOnlySpan<byte> rest = machine.Table("APIC").AsSpan(44);
        List<byte[]> entries = [];
        while (!rest.IsEmpty)
        {
            entries.Add(rest[..rest[1]].ToArray());
            rest = rest[rest[1]..];
        }

        return entries;
    }
}
