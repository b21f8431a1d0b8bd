using System.Buffers.Binary;

namespace Makatea.Platform.Linux.Tests;

/// <summary>A function by its files in sysfs, as on machines without an IOMMU.</summary>
public sealed class SysfsFunctionTests : IDisposable
{
    private const string Name = "0000:01:00.0";
    private static readonly PciAddress _address = new(0, 1, 0, 0);
    private readonly FakeSysfs _sysfs = new();
    private readonly NoSpace _space = new();

    public SysfsFunctionTests()
    {
        _sysfs.Add(Name, 0x1b36, 0x0010, 0x010802);
        byte[] config = new byte[4096];
        BinaryPrimitives.WriteUInt32LittleEndian(config, 0x0010_1b36);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(8), 0x0108_0202);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(0x2c), 0x1100_1af4);
        config[PciConfig.Command] = 4; // Somebody left it a bus master.
        File.WriteAllBytes(FileOf("config"), config);
        byte[] registers = new byte[16384];
        registers[8] = 0x42;
        File.WriteAllBytes(FileOf("resource0"), registers);
        File.WriteAllText(FileOf("resource"), """
            0x00000000febd4000 0x00000000febd7fff 0x0000000000140204
            0x0000000000000000 0x0000000000000000 0x0000000000000000
            0x000000000000c000 0x000000000000c01f 0x0000000000040101
            0x00000000fe000000 0x00000000fe0fffff 0x0000000000042208
            0x0000000000000000 0x0000000000000000 0x0000000000000000
            0x0000000000000000 0x0000000000000000 0x0000000000000000
            0x0000000000000000 0x0000000000000000 0x0000000000000000
            """);
    }

    [Fact]
    public void It_is_described_and_switched_on_and_off()
    {
        using (SysfsFunction function = Open())
        {
            Assert.Equal(new PciIdentity(0x1b36, 0x10, 0x010802, 2, 0x1af4, 0x1100), function.Identity);
            Assert.Equal((4096, 0, false), (function.ConfigLength, function.MaxInterrupts, function.IsGone));
            Assert.Equal(new PciBar(0, PciBarKind.Memory64, 16384, false), function.GetBar(0));
            Assert.Equal(PciBarKind.None, function.GetBar(1).Kind);
            Assert.Equal(new PciBar(2, PciBarKind.Ports, 32, false), function.GetBar(2));
            Assert.Equal(new PciBar(3, PciBarKind.Memory32, 1 << 20, true), function.GetBar(3));
            Assert.Equal("1", File.ReadAllText(FileOf("enable")));
            Assert.Equal(PciConfig.CommandMemory, Command);
            function.SetBusMaster(true);
            Assert.Equal(PciConfig.CommandMemory | PciConfig.CommandBusMaster, Command);
        }

        Assert.Equal(PciConfig.CommandMemory, Command);
        Assert.Equal("0", File.ReadAllText(FileOf("enable")));
    }

    [Fact]
    public void Registers_are_mapped_and_absent_ones_refused()
    {
        using SysfsFunction function = Open();
        RegisterSpace registers = function.MapBar(0);
        Assert.Equal(0x42u, registers.ReadUInt32(8));
        registers.WriteUInt32(12, 0x1234_5678);
        Assert.Equal(0x78, File.ReadAllBytes(FileOf("resource0"))[12]);
        Assert.Contains("no registers in memory at base address register 2; it has 0 (Memory64, 16384 bytes), 2 (Ports", Assert.Throws<IOException>(() => function.MapBar(2)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => function.MapBar(6));
    }

    [Fact]
    public void What_places_it_is_kept()
    {
        using SysfsFunction function = Open();
        function.WriteConfig(PciConfig.Bar0, 4, 0xdead_0000);
        Assert.Equal(0u, function.ReadConfig(PciConfig.Bar0, 4));
        function.WriteConfig(PciConfig.Command, 2, PciConfig.CommandBusMaster);
        Assert.Equal(0u, function.ReadConfig(PciConfig.Command, 2) & PciConfig.CommandBusMaster);
        Assert.Throws<ArgumentOutOfRangeException>(() => function.ReadConfig(4096, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => function.ReadConfig(2, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => function.EnableInterrupts(1));
    }

    [Fact]
    public void It_is_reset_where_it_can_be()
    {
        using SysfsFunction function = Open();
        Assert.Contains("no reset that leaves its neighbours alone", Assert.Throws<IOException>(function.Reset).Message, StringComparison.Ordinal);
        File.WriteAllText(FileOf("reset"), "");
        function.SetBusMaster(true);
        function.Reset();
        Assert.Equal("1", File.ReadAllText(FileOf("reset")));
        Assert.Equal(PciConfig.CommandMemory, Command);
    }

    [Fact]
    public void One_that_went_away_is_gone()
    {
        using SysfsFunction function = Open();
        File.WriteAllBytes(FileOf("config"), [.. Enumerable.Repeat((byte)0xff, 4096)]);
        Assert.True(function.IsGone);
        Assert.Equal(ushort.MaxValue, function.ReadConfig(PciConfig.VendorId, 2));
    }

    [Fact]
    public void One_that_a_driver_has_is_refused()
    {
        _sysfs.Add("0000:02:00.0", 0x1b36, 0x0010, 0x010802, "nvme");
        Assert.Contains("0000:02:00.0 is nvme's", Assert.Throws<IOException>(() => SysfsFunction.Open(_sysfs.Root, new PciAddress(0, 2, 0, 0), _space)).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _space.Dispose();
        _sysfs.Dispose();
    }

    private int Command => BinaryPrimitives.ReadUInt16LittleEndian(File.ReadAllBytes(FileOf("config")).AsSpan(PciConfig.Command));

    private SysfsFunction Open() => SysfsFunction.Open(_sysfs.Root, _address, _space);

    private string FileOf(string file) => Path.Combine(_sysfs.Root, "bus/pci/devices", Name, file);

    private sealed class NoSpace : DmaSpace
    {
        public override bool IsProtected => false;

        public override int AddressBits => 52;

        public override int PageSize => 4096;

        public override DmaMemory Allocate(ulong length) => throw new NotSupportedException();

        protected override ulong MapPages(nint address, ulong length, DmaAccess access) => throw new NotSupportedException();

        protected override void UnmapPages(ulong iova, ulong length)
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
