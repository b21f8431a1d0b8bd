using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Vmm.Acpi;
using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Tests.Acpi;

/// <summary>[ACPI-6.5] 5.2.</summary>
public sealed class AcpiTablesTests
{
    private static readonly AddressRange _firmware = new(0xe_0000, 0x2_0000);

    /// <summary>The header's last 8 bytes and its checksum say who compiled it.</summary>
    [SkippableTheory]
    [InlineData("Full", "APIC")]
    [InlineData("Full", "FACP")]
    [InlineData("Full", "MCFG")]
    [InlineData("Full", "XSDT")]
    [InlineData("Smallest", "APIC")]
    [InlineData("Smallest", "FACP")]
    [InlineData("Smallest", "XSDT")]
    public void A_table_of_data_is_disassembled_and_compiled_to_itself(string machine, string signature)
    {
        byte[] table = TestMachines.ByName(machine).Table(signature);
        byte[] compiled = AcpiTools.RoundTrip(table).Compiled;
        Assert.Equal(table[..9], compiled[..9]);
        Assert.Equal(table[10..28], compiled[10..28]);
        Assert.Equal(table[36..], compiled[36..]);
    }

    [SkippableFact]
    public void The_FACS_is_disassembled_and_compiled_to_itself()
    {
        byte[] table = TestMachines.Full.Table("FACS");
        Assert.Equal(table, AcpiTools.RoundTrip(table).Compiled);
    }

    [SkippableTheory]
    [InlineData("Full")]
    [InlineData("Smallest")]
    public void The_DSDT_is_disassembled_and_compiled(string machine) => AcpiTools.RoundTrip(TestMachines.ByName(machine).Table("DSDT"));

    [Theory]
    [InlineData("Full")]
    [InlineData("Smallest")]
    public void The_root_pointer_leads_to_every_table(string name)
    {
        using TestGuest guest = new(64 << 20);
        AcpiDescription machine = TestMachines.ByName(name);
        ulong root = AcpiTables.Write(guest.Memory, machine);
        Assert.Equal(0UL, root % 16);
        Span<byte> pointer = guest.At(root, 36);
        Assert.Equal("RSD PTR "u8, pointer[..8]);
        Assert.Equal((0, 0), (Sum(pointer[..20]), Sum(pointer)));
        Assert.Equal((2, 36U), (pointer[15], BinaryPrimitives.ReadUInt32LittleEndian(pointer[20..])));

        AcpiTable xsdt = Read(guest, guest.UInt64(root + 24));
        Dictionary<string, AcpiTable> tables = [];
        for (int i = 0; i < xsdt.Body.Length; i += 8)
        {
            AcpiTable table = Read(guest, BinaryPrimitives.ReadUInt64LittleEndian(xsdt.Body[i..]));
            tables.Add(table.Signature, table);
        }

        Assert.Equal(machine.HasPci ? ["APIC", "FACP", "MCFG"] : ["APIC", "FACP"], tables.Keys.Order());
        ReadOnlySpan<byte> fadt = tables["FACP"].Bytes;
        ulong dsdt = BinaryPrimitives.ReadUInt64LittleEndian(fadt[140..]);
        Assert.Equal("DSDT", Read(guest, dsdt).Signature);
        Assert.Equal(dsdt, BinaryPrimitives.ReadUInt32LittleEndian(fadt[40..]));
        ulong facs = BinaryPrimitives.ReadUInt32LittleEndian(fadt[36..]);
        Assert.Equal(0UL, facs % 64);
        Assert.Equal("FACS"u8, guest.At(facs, 4));
    }

    [Theory]
    [InlineData("Full")]
    [InlineData("Smallest")]
    public void Tables_lie_apart_in_the_firmware_s_place(string machine)
    {
        AddressRange[] ranges = [.. AcpiTables.Place(TestMachines.ByName(machine)).Select(table => new AddressRange(table.Address, (ulong)table.Bytes.Length))];
        Assert.All(ranges, range => Assert.True(_firmware.Contains(range)));
        Assert.All(ranges, range => Assert.Equal(1, ranges.Count(range.Overlaps)));
    }

    [Fact]
    public void Tables_that_do_not_fit_are_refused() =>
        Assert.Throws<BootException>(() => AcpiTables.Place(TestMachines.Smallest with { ApicIds = [.. Enumerable.Range(0, 9000).Select(i => (uint)i)] }));

    private static AcpiTable Read(TestGuest guest, ulong address) => AcpiTable.Parse(guest.At(address, (int)(_firmware.End - address)).ToArray());

    private static int Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte b in bytes)
        {
            sum += b;
        }

        return sum;
    }
}
