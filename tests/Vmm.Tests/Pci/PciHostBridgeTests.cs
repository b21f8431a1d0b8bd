using Makatea.Drivers.Pci;
using Makatea.Platform;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Pci;
using Moq;

namespace Makatea.Vmm.Tests.Pci;

/// <summary>[PCI-3.0] 6, [PCIE-5] 7.2, by the driver of host bridges that drives real ones.</summary>
public sealed class PciHostBridgeTests
{
    private const ulong ConfigOfSlot3 = 0xe001_8000;
    private const int Bar0 = 0x10;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_walk_finds_the_functions(bool hasEcam)
    {
        using BridgeMachine machine = new(hasEcam);
        machine.Bridge.Attach(3, new TestFunction());
        machine.Bridge.Attach(31, new TestFunction(device: 0x4321));
        IReadOnlyList<PciFunctionInfo> found = new PciHost(machine).Scan();
        Assert.Equal([(0, 0x1b36, 0x0008), (3, 0x1af4, 0x1234), (31, 0x1af4, 0x4321)], found.Select(f => ((int)f.Address.Device, (int)f.Identity.Vendor, (int)f.Identity.Device)));
        Assert.All(found, f => Assert.Equal(0, f.Address.Function));
    }

    [Theory]
    [InlineData(true, 0x1000UL)]
    [InlineData(false, 0x1000UL)]
    [InlineData(true, 0x100_0000UL)]
    public void A_function_is_sized_mapped_and_used(bool hasEcam, ulong length)
    {
        using BridgeMachine machine = new(hasEcam);
        TestFunction function = new(length);
        machine.Bridge.Attach(3, function);
        using PciFunction opened = new PciHost(machine).Open(new PciAddress(0, 0, 3, 0), Mock.Of<DmaSpace>());
        Assert.Equal((PciBarKind.Memory64, length), (opened.GetBar(0).Kind, opened.GetBar(0).Length));
        RegisterSpace registers = opened.MapBar(0);
        registers.WriteUInt32(0x40, 0x1234_5678);
        Assert.Equal(0x1234_5678U, registers.ReadUInt32(0x40));
        Assert.Equal(0x1234_5678UL, function.Registers.Read(0x40, 4));
        Assert.Single(function.Mappings);
    }

    [Fact]
    public void Registers_follow_the_base_address_register()
    {
        using BridgeMachine machine = new();
        TestFunction function = new();
        machine.Bridge.Attach(3, function);
        SetBar(machine, ConfigOfSlot3, 0xc000_0000);
        Assert.Equal(0xffff_ffffUL, machine.Memory.Read(0xc000_0000, 4)); // memory is not switched on
        machine.Memory.Write(ConfigOfSlot3 + 4, 2, 2);
        machine.Memory.Write(0xc000_0000, 4, 7);
        SetBar(machine, ConfigOfSlot3, 0xc123_4000);
        Assert.Equal(7UL, machine.Memory.Read(0xc123_4000, 4));
        Assert.Equal(0xffff_ffffUL, machine.Memory.Read(0xc000_0000, 4));
        machine.Memory.Write(ConfigOfSlot3 + 4, 2, 0);
        Assert.Equal(0xffff_ffffUL, machine.Memory.Read(0xc123_4000, 4));
        Assert.Equal([0xc000_0000UL, null, 0xc123_4000UL, null], function.Mappings);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(0x10_0000UL)]
    [InlineData(0xbfff_f000UL)]
    [InlineData(0xe000_0000UL)]
    [InlineData(0xfec0_0000UL)]
    [InlineData(0xfee0_0000UL)]
    [InlineData(0xffff_ffff_ffff_f000UL)]
    public void Registers_outside_the_windows_are_nowhere(ulong address)
    {
        using BridgeMachine machine = new();
        TestFunction function = new();
        machine.Bridge.Attach(3, function);
        machine.Memory.Write(ConfigOfSlot3 + 4, 2, 2);
        SetBar(machine, ConfigOfSlot3, address);
        Assert.Empty(function.Mappings.OfType<ulong>());
        SetBar(machine, ConfigOfSlot3, 0xf0_0000_0000);
        Assert.Equal(0xf0_0000_0000UL, Assert.Single(function.Mappings));
    }

    [Fact]
    public void Of_registers_that_overlap_those_that_were_first_stay()
    {
        using BridgeMachine machine = new();
        TestFunction first = new();
        TestFunction second = new(0x2000);
        machine.Bridge.Attach(3, first);
        machine.Bridge.Attach(4, second);
        machine.Memory.Write(ConfigOfSlot3 + 4, 2, 2);
        machine.Memory.Write(ConfigOfSlot3 + 0x8004, 2, 2);
        SetBar(machine, ConfigOfSlot3, 0xc000_1000);
        SetBar(machine, ConfigOfSlot3 + 0x8000, 0xc000_0000);
        machine.Memory.Write(0xc000_1000, 4, 1);
        Assert.Equal(1UL, first.Registers.Read(0, 4));
        Assert.Empty(second.Mappings);

        // The second comes when there is room.
        SetBar(machine, ConfigOfSlot3, 0xc000_8000);
        Assert.Equal(0xc000_0000UL, Assert.Single(second.Mappings));
    }

    [Theory]
    [InlineData(0xe001_9000UL, 4)] // function 1
    [InlineData(0xe000_8000UL, 4)] // slot 1
    [InlineData(0xe001_8001UL, 2)]
    [InlineData(0xe001_8000UL, 8)]
    public void Where_no_function_is_all_ones_are_read(ulong address, int width)
    {
        using BridgeMachine machine = new();
        machine.Bridge.Attach(3, new TestFunction());
        Assert.Equal(RegisterWidth.Mask(width), machine.Memory.Read(address, width));
        machine.Memory.Write(address, width, 0);
    }

    [Fact]
    public void What_a_function_says_of_itself_cannot_be_written()
    {
        using BridgeMachine machine = new();
        machine.Bridge.Attach(3, new TestFunction());
        for (ulong offset = 0; offset < 256; offset += 4)
        {
            machine.Memory.Write(ConfigOfSlot3 + offset, 4, 0xffff_ffff);
        }

        Assert.Equal(0x1234_1af4UL, machine.Memory.Read(ConfigOfSlot3, 4));
        Assert.Equal(0x0000_0406UL, machine.Memory.Read(ConfigOfSlot3 + 4, 4));
        Assert.Equal(0xff00_0003UL, machine.Memory.Read(ConfigOfSlot3 + 8, 4));
        Assert.Equal(0xffff_f004UL, machine.Memory.Read(ConfigOfSlot3 + Bar0, 4));
        Assert.Equal(0UL, machine.Memory.Read(ConfigOfSlot3 + 0x18, 4));
        Assert.Equal(0UL, machine.Memory.Read(ConfigOfSlot3 + 0x100, 4));
    }

    [Fact]
    public void A_reset_takes_addresses_away()
    {
        using BridgeMachine machine = new();
        TestFunction function = new();
        machine.Bridge.Attach(3, function);
        machine.Memory.Write(ConfigOfSlot3 + 4, 2, 6);
        SetBar(machine, ConfigOfSlot3, 0xc000_0000);
        machine.Bridge.Reset();
        Assert.Equal((4UL, 0UL), (machine.Memory.Read(ConfigOfSlot3 + Bar0, 4), machine.Memory.Read(ConfigOfSlot3 + 4, 2)));
        Assert.Equal([0xc000_0000UL, null], function.Mappings);
    }

    [Fact]
    public void A_slot_holds_one_function_and_slot_0_the_bridge()
    {
        using BridgeMachine machine = new();
        TestFunction function = new();
        machine.Bridge.Attach(3, function);
        Assert.Throws<ArgumentException>(() => machine.Bridge.Attach(3, new TestFunction()));
        Assert.Throws<ArgumentException>(() => machine.Bridge.Attach(4, function));
        Assert.Throws<ArgumentException>(() => machine.Bridge.Attach(0, new TestFunction()));
        Assert.Throws<ArgumentException>(() => machine.Bridge.Attach(32, new TestFunction()));
        Assert.Null(machine.Bridge.Detach(0));
        Assert.Same(function, machine.Bridge.Detach(3));
        Assert.Equal(1, machine.Bridge.FindFreeSlot());
    }

    /// <summary>The registers of <c>PciHotPlugMethods</c>.</summary>
    [Fact]
    public void Functions_come_and_go_while_the_guest_runs()
    {
        using BridgeMachine machine = new();
        Mock<InterruptLine> line = new();
        List<(int, PciFunctionModel)> ejected = [];
        HotPlugController controller = new(machine.Bridge, line.Object, (slot, function) => ejected.Add((slot, function)));
        TestFunction function = new();
        controller.Attach(5, function);
        line.Verify(l => l.Pulse(), Times.Once);
        Assert.Equal((1UL << 5, 0UL), (controller.Read(0, 4), controller.Read(0, 4)));
        Assert.Equal(2, new PciHost(machine).Scan().Count);

        controller.RequestEject(5);
        line.Verify(l => l.Pulse(), Times.Exactly(2));
        Assert.Equal((1UL << 5, 0UL), (controller.Read(4, 4), controller.Read(4, 4)));
        Assert.Equal(2, new PciHost(machine).Scan().Count);
        controller.Write(8, 4, 0xffff_ffff);
        Assert.Equal([(5, function)], ejected);
        Assert.Single(new PciHost(machine).Scan());
    }

    [Fact]
    public void A_byte_among_the_ports_is_the_reset_control()
    {
        Mock<RegisterBus> control = new();
        control.Setup(c => c.Read(0, 1)).Returns(2);
        PciHostBridge bridge = new(new DeviceBus(), new GuestLayout(64 << 20, 40), control.Object);
        bridge.Ports.Write(0, 4, 0x8000_0004);
        bridge.Ports.Write(1, 1, 6);
        control.Verify(c => c.Write(0, 1, 6), Times.Once);
        Assert.Equal((2UL, 0x8000_0004UL), (bridge.Ports.Read(1, 1), bridge.Ports.Read(0, 4)));
        control.Verify(c => c.Write(It.IsAny<ulong>(), It.IsAny<int>(), It.IsAny<ulong>()), Times.Once);
    }

    [Fact]
    public void No_access_of_a_guest_throws()
    {
        using BridgeMachine machine = new();
        machine.Bridge.Attach(3, new TestFunction());
        machine.Bridge.Attach(4, new TestFunction(0x10_0000));
        Random random = new(4);
        int[] widths = [1, 2, 4, 8];
        for (int i = 0; i < 50_000; i++)
        {
            (DeviceBus bus, ulong address) = random.Next(3) switch
            {
                0 => (machine.PortBus, 0xcf8UL + (ulong)random.Next(8)),
                1 => (machine.Memory, 0xe001_8000UL + (ulong)random.Next(0x1_0000)),
                _ => (machine.Memory, GuestLayout.Ecam.First + (ulong)random.Next(0x10_0000)),
            };
            int width = widths[random.Next(4)];
            ulong value = random.Next(4) == 0 ? ulong.MaxValue : (ulong)random.NextInt64();
            if (random.Next(2) == 0)
            {
                bus.Write(address, width, value);
            }
            else
            {
                bus.Read(address, width);
            }
        }
    }

    private static void SetBar(BridgeMachine machine, ulong config, ulong address)
    {
        machine.Memory.Write(config + Bar0, 4, (uint)address);
        machine.Memory.Write(config + Bar0 + 4, 4, address >> 32);
    }
}
