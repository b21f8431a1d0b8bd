using System.Runtime.InteropServices;
using Makatea.Sel4;

namespace Makatea.Platform.Sel4.Tests;

/// <summary>A granted function: configuration space, registers, messages, DMA.</summary>
public sealed class FunctionTests : IDisposable
{
    private const int MsiXControl = 0x42;
    private static readonly ManifestGrant _grant = new("0000:00:03.0", GrantType.Function, 5);

    private readonly ModelSystem _system = new();
    private readonly ModelComponent _component;

    public FunctionTests() => _component = new(_system, "storage", ModelComponent.FunctionGrants(_system, messages: 3));

    public void Dispose() => _system.Dispose();

    [Fact]
    public void It_is_what_the_root_task_says()
    {
        using PciFunction function = _component.Component.Grants.OpenFunction(_grant);
        Assert.Equal("0000:00:03.0", function.Address.ToString());
        Assert.Equal(0x010802u, function.Identity.ClassCode);
        Assert.Equal(256, function.ConfigLength);
        Assert.Equal(new PciBar(0, PciBarKind.Memory64, ModelFunction.RegistersLength, false), function.GetBar(0));
        Assert.Equal(PciBarKind.None, function.GetBar(1).Kind);
        Assert.Throws<IOException>(() => function.MapBar(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => function.ReadConfig(256, 4));
        Assert.Throws<IOException>(function.Reset);
        function.MapBar(0).WriteUInt32(0x14, 0x1234_5678);
        Assert.Equal(0x1234_5678u, MemoryMarshal.Read<uint>(_system.Function.Registers.AsSpan()[0x14..]));
        Assert.False(function.IsGone);
        _component.Revoke("0000:00:03.0");
        Assert.True(function.IsGone);
    }

    [Fact]
    public void A_reset_is_the_root_tasks_to_do()
    {
        _system.Function.HasReset = true;
        using PciFunction function = _component.Component.Grants.OpenFunction(_grant);
        function.SetBusMaster(true);
        function.EnableInterrupts(2);
        function.MapBar(0).WriteUInt32(0x14, 1);
        function.Reset();
        Assert.Equal(0u, _system.Function.Get(PciConfig.Command, 2) & PciConfig.CommandBusMaster);
        Assert.Equal(0u, _system.Function.Get(MsiXControl, 2) & 0x8000);
        Assert.Equal(0u, function.MapBar(0).ReadUInt32(0x14));
    }

    [Fact]
    public void It_is_off_until_it_is_switched_on_and_off_again_at_the_end()
    {
        _system.Function.Set(PciConfig.Command, 2, PciConfig.CommandBusMaster | PciConfig.CommandMemory);
        _system.Function.Set(MsiXControl, 2, 0x8003);
        PciFunction function = _component.Component.Grants.OpenFunction(_grant);
        Assert.Equal(0u, _system.Function.Get(PciConfig.Command, 2) & PciConfig.CommandBusMaster);
        Assert.Equal(0u, _system.Function.Get(MsiXControl, 2) & 0x8000);
        function.SetBusMaster(true);
        function.EnableInterrupts(1);
        Assert.NotEqual(0u, _system.Function.Get(PciConfig.Command, 2) & PciConfig.CommandBusMaster);
        Assert.Equal(0x8000u, _system.Function.Get(MsiXControl, 2) & 0xc000);
        function.Dispose();
        Assert.Equal(0u, _system.Function.Get(PciConfig.Command, 2) & PciConfig.CommandBusMaster);
        Assert.Equal(0u, _system.Function.Get(MsiXControl, 2) & 0x8000);
    }

    [Fact]
    public void Its_table_sends_the_messages_that_were_granted_and_they_ring()
    {
        using PciFunction function = _component.Component.Grants.OpenFunction(_grant);
        Assert.Equal(3, function.MaxInterrupts);
        Assert.Throws<ArgumentOutOfRangeException>(() => function.EnableInterrupts(4));
        PciInterrupts interrupts = function.EnableInterrupts(2);
        Assert.Equal(PciInterruptKind.MsiX, interrupts.Kind);
        Span<uint> table = MemoryMarshal.Cast<byte, uint>(_system.Function.Registers.AsSpan()[ModelFunction.TableOffset..]);
        Assert.Equal([0xfee0_0000, 0, 0x40, 0], table[..4].ToArray());
        Assert.Equal([0xfee0_1000, 0, 0x41, 0], table[4..8].ToArray());
        Assert.Equal(1u, table[11]);
        using DoorbellWaiter waiter = _component.Component.Host.CreateWaiter();
        waiter.Add(interrupts.Vectors[1], 9);
        Assert.Equal(1ul << 9, waiter.Wait(0));
        _component.Interrupt(0);
        Assert.Equal(0ul, waiter.Wait(0));
        _component.Interrupt(1);
        Assert.Equal(1ul << 9, waiter.Wait(DoorbellWaiter.Forever));

        // Messages are not masked by the kernel, and nothing is acknowledged.
        interrupts.Rearm();
        Assert.Empty(_component.Acknowledged);
        interrupts.Vectors[1].Ring();
        Assert.Equal(1ul << 9, waiter.Wait(0));
    }

    [Fact]
    public void Memory_is_mapped_at_addresses_that_are_no_interrupt_messages()
    {
        using PciFunction function = _component.Component.Grants.OpenFunction(_grant);
        Assert.True(function.Dma.IsProtected);
        Assert.Equal(39, function.Dma.AddressBits);
        using (DmaMemory rings = function.Dma.Allocate(5000))
        {
            Assert.Equal(8192ul, rings.Length);
            Assert.Equal((ulong)rings.Address, _system.Function.Mapped[rings.Iova].Address);
            Assert.Equal((8192ul, 3ul), (_system.Function.Mapped[rings.Iova].Length, _system.Function.Mapped[rings.Iova].Access));
            Assert.InRange(rings.Iova, 0x10_0000ul, 0xfee0_0000ul - 8192);
        }

        Assert.Empty(_system.Function.Mapped);
        Assert.Throws<DmaException>(() => function.Dma.Allocate(16 << 20));
        Assert.Empty(_system.Function.Mapped);
    }

    [Fact]
    public void A_pin_rings_again_after_it_was_acknowledged()
    {
        Dictionary<string, GrantInfo> grants = new()
        {
            ["pin"] = new GrantInfo { Kind = GrantKind.PinInterrupt, Number = 2, Value = 4, Slot = 555, State = 1 },
            ["com1"] = new GrantInfo { Kind = GrantKind.Ports, Value = 0x3f8, Length = 8, State = 1 },
            ["hpet"] = new GrantInfo { Kind = GrantKind.Registers, Value = 0xfed0_0000, Address = (ulong)_system.Function.Registers.AsSegment().Address, Length = 4096, State = 1 },
        };
        using ModelComponent component = new(_system, "serial", grants);
        PciInterrupts pin = component.Component.Grants.OpenPin("pin");
        using DoorbellWaiter waiter = component.Component.Host.CreateWaiter();
        waiter.Add(pin.Vectors[0], 1);
        Assert.Equal(2ul, waiter.Wait(0));
        component.Interrupt(2);
        Assert.Equal(2ul, waiter.Wait(DoorbellWaiter.Forever));
        pin.Rearm();
        Assert.Equal([555ul], component.Acknowledged);

        RegisterSpace ports = component.Component.Grants.OpenPorts("com1");
        Assert.Equal(8ul, ports.Length);
        Assert.Equal((byte)0xfd, ports.ReadByte(5));
        ports.WriteByte(0, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => ports.ReadByte(8));
        Assert.Throws<GrantException>(() => component.Component.Grants.OpenPorts("com2"));
        Assert.Equal(4096ul, component.Component.Grants.OpenRegisters("hpet").Length);
    }
}
