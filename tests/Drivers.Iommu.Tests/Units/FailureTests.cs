using Makatea.Drivers.Iommu.Registers;
using Makatea.Platform;
using static Makatea.Drivers.Iommu.Tests.TableBuilder;

namespace Makatea.Drivers.Iommu.Tests;

/// <summary>Units that refuse, fail, or are not what they should be; and what no model does.</summary>
public sealed class FailureTests
{
    private static readonly PciAddress _device = new(0, 0, 4, 0);
    private static readonly IommuOptions _impatient = new() { Timeout = TimeSpan.FromMilliseconds(50) };

    [Fact]
    public void Units_that_cannot_be_used_are_refused_by_name()
    {
        AssertRefused("version register reads as 0x0", u => u.Version = 0);
        AssertRefused("version register reads as 0xffffffff", u => u.Version = uint.MaxValue);
        AssertRefused("ECAP.QI", u => u.Extended &= ~2ul);
        AssertRefused("CAP.SAGAW is 0x0", u => u.Capability &= ~(31ul << 8));
        AssertRefused("CAP.SAGAW is 0x8", u => u.Capability = (u.Capability & ~(31ul << 8)) | (8ul << 8));
        AssertRefused("setting bit 0x4000000 ", u => u.IsStuck = true);
    }

    [Fact]
    public void Machines_without_a_unit_are_told_what_they_lack()
    {
        using SimulatedMachine machine = new();
        IommuException none = Assert.Throws<IommuException>(() => IommuHost.Open(new OtherMachine(machine)));
        Assert.Contains("switch it on in the firmware's settings", none.Message, StringComparison.Ordinal);
        byte[] unit = [0x10, 0, 24, 0, 2, 0, 0x40, 0, .. BitConverter.GetBytes(0xfeb8_0000ul), .. new byte[8]];
        byte[] sameUnit = [0x11, .. unit[1..]];
        IommuException amd = Assert.Throws<IommuException>(() => IommuHost.Open(new OtherMachine(machine, Table("IVRS", new byte[12], unit, sameUnit))));
        Assert.Contains("AMD-Vi (ACPI table IVRS, 1 unit, at 0xfeb80000)", amd.Message, StringComparison.Ordinal);
        foreach (byte[] broken in (byte[][])[[], new byte[11], [.. new byte[12], 0x10, 0, 0, 0, .. new byte[20]], [.. new byte[12], 0x10, 0, 255, 255, .. new byte[20]]])
        {
            Assert.Throws<IommuException>(() => IommuHost.Open(new OtherMachine(machine, Table("IVRS", broken))));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_unit_that_fails_an_invalidation_is_not_used_again_nor_is_what_it_knows(bool isStuck)
    {
        using SimulatedMachine machine = new();
        using IommuHost host = IommuHost.Open(machine, _impatient);
        IommuDomain domain = host.CreateDomain();
        domain.Attach(_device);
        DmaMemory memory = domain.Allocate(4096);
        Assert.NotNull(machine.Unit.Translate(_device.RequesterId, memory.Iova, true));
        int tables = host.Memory.Pages;
        (machine.Unit.IsStuck, machine.Unit.RefusesDescriptors) = (isStuck, !isStuck);
        IommuException e = Assert.Throws<IommuException>(memory.Dispose);
        Assert.Contains(isStuck ? "did not finish an invalidation within 50 ms" : "reports an invalidation error (fault status 0x10)", e.Message, StringComparison.Ordinal);
        Assert.Equal(tables, host.Memory.Pages);
        (machine.Unit.IsStuck, machine.Unit.RefusesDescriptors) = (false, false);

        // It answers again, too late.
        using DmaMemory other = machine.Physical.Allocate(4096);
        Assert.Throws<IommuException>(() => domain.Map(other, DmaAccess.Read));
        Assert.Throws<IommuException>(() => domain.Attach(new(0, 0, 5, 0)));
        Assert.Throws<IommuException>(domain.Dispose);
        Assert.True(host.Memory.Pages >= tables);
        Assert.NotEqual(domain.Id, host.CreateDomain().Id);
    }

    [Fact]
    public void Memory_that_runs_out_leaves_everything_as_it_was()
    {
        using SimulatedMachine machine = new();
        using IommuHost host = IommuHost.Open(machine);
        using IommuDomain domain = host.CreateDomain();
        domain.Attach(_device);
        lock (host.Changing)
        {
            domain.MapFixed(1 << 30, 1 << 30, [(1 << 30, 1 << 30)], DmaAccess.ReadWrite, null);
        }

        Assert.NotNull(machine.Unit.Translate(_device.RequesterId, 1 << 30, true));
        using DmaMemory memory = machine.Physical.Allocate(4096);
        int tables = host.Memory.Pages;
        for (int budget = 0; budget < 2; budget++)
        {
            // Two tables each are missing: for a page of 4 KiB, and to split one of 1 GiB.
            machine.Budget = budget;
            Assert.Throws<DmaException>(() => domain.Map(memory, DmaAccess.Read));
            Assert.Empty(domain.Mappings);
            Assert.Equal(tables, host.Memory.Pages);
            machine.Budget = budget == 0 ? 0 : 1;
            Assert.Throws<DmaException>(() => domain.UnmapAt((1 << 30) + 4096, 4096));
            Assert.Equal((1ul << 30) + 4096, machine.Unit.Translate(_device.RequesterId, (1 << 30) + 4096, true));
            tables = host.Memory.Pages;
        }

        machine.Budget = 100;
        domain.UnmapAt((1 << 30) + 4096, 4096);
        Assert.Null(machine.Unit.Translate(_device.RequesterId, (1 << 30) + 4096, true));
        Assert.NotNull(machine.Unit.Translate(_device.RequesterId, 1 << 30, true));
        using DmaMapping mapping = domain.Map(memory, DmaAccess.Read);
        Assert.NotNull(machine.Unit.Translate(_device.RequesterId, mapping.Iova, false));
    }

    [Theory]
    [InlineData(1ul, 1ul, 18, true, "2.3")]
    [InlineData(512ul, 512ul, 18, true, "2.3")]
    [InlineData(1ul, 6ul, 18, true, "2.3 2.3 2.3 2.3")] // 1, 2 to 3, 4 to 5, 6
    [InlineData(1ul, 1022ul, 18, true, "2.2")] // more pieces than it is worth
    [InlineData(512ul, 512ul, 4, true, "2.2")]
    [InlineData(1ul, 1ul, 18, false, "2.2")]
    public void Invalidation_is_as_precise_as_it_can_be(ulong first, ulong pages, int maxMask, bool hasPages, string expected)
    {
        using SimulatedMachine machine = new();
        machine.Unit.Capability = (machine.Unit.Capability & ~((63ul << 48) | (1ul << 39))) | ((ulong)maxMask << 48) | (hasPages ? 1ul << 39 : 0);
        using IommuHost host = IommuHost.Open(machine);
        using IommuDomain domain = host.CreateDomain();
        domain.Attach(_device);
        lock (host.Changing)
        {
            domain.MapFixed((1ul << 30) + (first * 4096), pages * 4096, [(1 << 30, pages * 4096)], DmaAccess.Read, null);
        }

        machine.Unit.Done.Clear();
        domain.UnmapAt((1ul << 30) + (first * 4096), pages * 4096);
        Assert.Equal(expected, string.Join(' ', machine.Unit.Done));
    }

    [Fact]
    public void Faults_of_interrupts_are_told_with_the_entry()
    {
        using SimulatedMachine machine = new();
        using IommuHost host = IommuHost.Open(machine);
        machine.Unit.Record(7ul << 48, (0x26ul << 32) | _device.RequesterId);
        machine.Unit.Record(0x1234_5000, (6ul << 32) | VtdRegisters.FaultRecord.IsRead | 0x0ffful);
        List<IommuFault> faults = [];
        Assert.False(host.TakeFaults(faults));
        Assert.Equal(
            [
                new(IommuFaultKind.Interrupt, _device, 0, 7, DmaAccess.Write, 0x26),
                new(IommuFaultKind.Dma, new(0, 0x0f, 31, 7), 0x1234_5000, 0, DmaAccess.Read, 6),
            ],
            faults);
        Assert.Equal("0000:00:04.0 was kept from raising interrupt 7: the entry of the interrupt table is another device's", faults[0].ToString());
        Assert.Equal("0000:0f:1f.7 was kept from reading page 0x12345000: its domain does not let it read there", faults[1].ToString());
        faults.Clear();
        Assert.False(host.TakeFaults(faults));
        Assert.Empty(faults);

        // Three, where there is room for two; then it goes on behind the last.
        for (int i = 0; i < 3; i++)
        {
            machine.Unit.Record(0x1000, 5ul << 32);
        }

        Assert.True(host.TakeFaults(faults));
        Assert.Equal(2, faults.Count);
        machine.Unit.Record(0x2000, 5ul << 32);
        faults.Clear();
        Assert.False(host.TakeFaults(faults));
        Assert.Equal(0x2000ul, Assert.Single(faults).Address);
    }

    [Fact]
    public void Reserved_regions_are_mapped_on_request_for_their_devices()
    {
        using SimulatedMachine machine = new(Drhd(SimulatedMachine.UnitBase), Rmrr(0x7c00_0000, 0x7c00_ffff, Scope(DeviceScopeKind.Endpoint, 0, 4, 0)));
        using IommuHost host = IommuHost.Open(machine);
        using IommuDomain domain = host.CreateDomain();
        domain.Attach(_device);
        Assert.Null(machine.Unit.Translate(_device.RequesterId, 0x7c00_0000, true));
        Assert.Equal(0, domain.MapReservedRegions(new(0, 0, 5, 0)));
        Assert.Equal(1, domain.MapReservedRegions(_device));
        Assert.Equal(1, domain.MapReservedRegions(_device));
        Assert.Equal(0x7c00_fffful, machine.Unit.Translate(_device.RequesterId, 0x7c00_ffff, true));
        Assert.Null(machine.Unit.Translate(_device.RequesterId, 0x7c01_0000, true));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Units_that_read_past_the_caches_find_the_same_tables(bool isCoherent)
    {
        using SimulatedMachine machine = new();
        machine.Unit.Extended = isCoherent ? machine.Unit.Extended : machine.Unit.Extended & ~1ul;
        using IommuHost host = IommuHost.Open(machine);
        Assert.Equal(isCoherent, host.Memory.IsCoherent);
        using IommuDomain domain = host.CreateDomain();
        using DmaMemory memory = domain.Allocate(3 << 12);
        domain.Attach(_device);
        Assert.NotNull(machine.Unit.Translate(_device.RequesterId, memory.Iova + 0x2fff, true));
        Assert.Null(machine.Unit.Translate(_device.RequesterId, memory.Iova + 0x3000, true));
    }

    [Fact]
    public void Write_buffers_are_flushed_where_there_are_some()
    {
        using SimulatedMachine machine = new();
        machine.Unit.Capability |= 1 << 4;
        using IommuHost host = IommuHost.Open(machine);
        using IommuDomain domain = host.CreateDomain();
        domain.Attach(_device);
        int before = machine.Unit.WriteBufferFlushes;
        domain.Allocate(4096).Dispose();
        Assert.Equal(2, machine.Unit.WriteBufferFlushes - before);
    }

    [Fact]
    public void Interrupts_that_cannot_be_remapped_are_refused_unless_allowed()
    {
        using SimulatedMachine machine = new();
        machine.Unit.Extended &= ~8ul;
        using IommuHost strict = IommuHost.Open(machine);
        Assert.False(strict.ProtectsInterrupts);
        var message = new ProcessorMessage(0x51);
        Assert.Contains("AllowUnprotectedInterrupts", Assert.Throws<IommuException>(() => strict.Remap(_device, message)).Message, StringComparison.Ordinal);
        using IommuHost lax = IommuHost.Open(machine, new() { AllowUnprotectedInterrupts = true });
        Assert.Same(message, lax.Remap(_device, message));
        var write = new ProcessorMessage(1, 0x1000);
        Assert.Same(write, strict.Remap(_device, write)); // A plain write to memory, which the domain guards.
    }

    private static void AssertRefused(string message, Action<SimulatedUnit> change)
    {
        using SimulatedMachine machine = new();
        change(machine.Unit);
        Assert.Contains(message, Assert.Throws<IommuException>(() => IommuHost.Open(machine, _impatient)).Message, StringComparison.Ordinal);
    }

    private sealed class OtherMachine(Machine machine, params byte[][] tables) : Machine
    {
        public override RegisterSpace Ports => machine.Ports;

        public override DmaSpace Physical => machine.Physical;

        public override IReadOnlyList<ReadOnlyMemory<byte>> AcpiTables => [.. tables.Select(t => (ReadOnlyMemory<byte>)t)];

        public override IReadOnlyList<(ulong First, ulong Last)> RegisterWindows => machine.RegisterWindows;

        public override RegisterSpace MapRegisters(ulong physicalAddress, ulong length) => machine.MapRegisters(physicalAddress, length);

        public override InterruptMessage CreateMessage(PciAddress function, DmaSpace space) => machine.CreateMessage(function, space);

        protected override void Dispose(bool disposing)
        {
        }
    }
}
