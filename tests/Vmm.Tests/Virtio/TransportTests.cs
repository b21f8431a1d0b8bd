using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Tests.Virtio;

/// <summary>[VIRTIO-1.3] 2.1, 2.2, 3.1 on both transports.</summary>
public sealed class TransportTests : IDisposable
{
    private const ulong Version1 = VirtioFeatures.Version1;
    private readonly FakeFrontEnd _device = new();
    private readonly List<string> _reports = [];

    public static TheoryData<string> Transports => ["mmio", "pci"];

    [Theory]
    [InlineData("mmio", Version1, true)]
    [InlineData("pci", Version1 | 1, true)]
    [InlineData("mmio", 1UL, false)] // without VIRTIO_F_VERSION_1
    [InlineData("pci", 0UL, false)]
    [InlineData("mmio", Version1 | 2, false)] // not offered
    [InlineData("pci", Version1 | 1UL << 63, false)]
    public void Features_are_a_part_of_what_is_offered_and_the_standard_s(string transport, ulong features, bool isTaken)
    {
        using TransportDriver driver = TransportDriver.Create(transport, _device, _reports);
        Assert.Equal(_device.Features, driver.Offered);
        driver.Status = 3;
        driver.Accept(features);
        driver.Status = 0xb;
        Assert.Equal(isTaken ? 0xb : 3, driver.Status);
        driver.Status = 0xf;
        Assert.Equal(isTaken ? [$"start 0x{features:x}"] : [], _device.Calls);
        Assert.Equal(isTaken ? 0xf : 3, driver.Status);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public void Nothing_changes_once_the_device_runs(string transport)
    {
        using TransportDriver driver = TransportDriver.Create(transport, _device, _reports);
        Run(driver);
        driver.Status = 1;
        Assert.Equal(0xf, driver.Status);
        driver.Status = 0xf;
        Assert.Equal(["start 0x100000000"], _device.Calls);
        driver.Status = 0;
        Assert.Equal(["start 0x100000000", "stop"], _device.Calls);
        Assert.Equal((0, (ushort)128), (driver.Status, driver.LargestQueue(0)));
        driver.Status = 0;
        Assert.Equal(2, _device.Calls.Count);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public void Queues_are_where_the_driver_says(string transport)
    {
        using TransportDriver driver = TransportDriver.Create(transport, _device, _reports);
        driver.Status = 3;
        driver.Accept(Version1);
        driver.Status = 0xb;
        driver.SetUpQueue(1, 32, 0x1_0000_1000, 0x2_0000_2000, 0x3_0000_3000);
        driver.Status = 0xf;
        Assert.Equal([new(false, 128, 0, 0, 0), new VirtqueueLayout(true, 32, 0x1_0000_1000, 0x2_0000_2000, 0x3_0000_3000)], _device.Queues);
    }

    [Theory]
    [InlineData("mmio", 0)]
    [InlineData("mmio", 129)]
    [InlineData("pci", 48)]
    [InlineData("pci", 256)]
    public void A_queue_of_an_impossible_size_fails_the_device(string transport, ushort size)
    {
        using TransportDriver driver = TransportDriver.Create(transport, _device, _reports);
        driver.Status = 3;
        driver.Accept(Version1);
        driver.Status = 0xb;
        driver.SetUpQueue(0, size, 0, 0x1000, 0x2000);
        driver.Status = 0xf;
        Assert.Equal(0x4f, driver.Status);
        Assert.Equal([$"queue 0 has {size} descriptors; 1 to 128 are possible, powers of two in a split ring"], _reports);
        Assert.Empty(_device.Calls);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public void A_device_that_does_not_start_needs_a_reset(string transport)
    {
        _device.FailsToStart = true;
        using TransportDriver driver = TransportDriver.Create(transport, _device, _reports);
        Run(driver);
        Assert.Equal(0x4f, driver.Status);
        Assert.Equal(["no"], _reports);
        driver.Status = 0x8f;
        Assert.Equal(0xcf, driver.Status);
        _device.FailsToStart = false;
        driver.Status = 0;
        Run(driver);
        Assert.Equal(0xf, driver.Status);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public void The_configuration_ends_where_it_ends(string transport)
    {
        using TransportDriver driver = TransportDriver.Create(transport, _device, _reports);
        Assert.Equal(0x0807_0605_0403_0201UL, driver.ReadConfig(0, 8));
        Assert.Equal(0x0a09UL, driver.ReadConfig(8, 8));
        Assert.Equal(0UL, driver.ReadConfig(16, 8));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public void A_notification_rings_the_queue_s_doorbell_and_an_interrupt_comes_back(string transport)
    {
        using TransportDriver driver = TransportDriver.Create(transport, _device, _reports);
        Run(driver);
        driver.Notify(1);
        Assert.Equal((0, 1), (_device.Kicks(0), _device.Kicks(1)));
        int before = driver.Interrupts(1);
        _device.Interrupts!.NotifyQueue(1);
        Assert.Equal(before + 1, driver.Interrupts(1));
    }

    [Fact]
    public void Doorbells_of_virtio_pci_follow_its_registers()
    {
        using PciDriver driver = new(_device, _reports);
        ulong first = driver.Attached.Keys.Min();
        Assert.Equal([first, first + 4], driver.Attached.Keys.Order());
        Assert.Same(_device.Kick(1), driver.Attached[first + 4]);
        driver.Machine.Bridge.Detach(7);
        Assert.Empty(driver.Attached);
    }

    /// <summary>4.1.5.1.2: a vector that there is none of reads back as none.</summary>
    [Fact]
    public void Vectors_that_there_are_none_of_are_refused()
    {
        using PciDriver driver = new(_device, _reports);
        Assert.Equal(3, driver.VectorCount);
        driver.Common.WriteUInt16(0x10, 3);
        Assert.Equal(0xffff, driver.Common.ReadUInt16(0x10));
        driver.Common.WriteUInt16(0x16, 2); // there is no such queue
        driver.Common.WriteUInt16(0x1a, 1);
        Assert.Equal((0xffff, 0), (driver.Common.ReadUInt16(0x1a), driver.Common.ReadUInt16(0x18)));
    }

    [Fact]
    public void Change_of_configuration_has_a_vector_and_a_generation_of_its_own()
    {
        using PciDriver driver = new(_device, _reports);
        Run(driver);
        byte generation = driver.Common.ReadByte(0x15);
        _device.Interrupts!.NotifyConfiguration();
        Assert.Equal((Pci.BridgeMachine.MessageAddress, 1U), driver.Machine.Controller.Sent[^1]);
        Assert.Equal((byte)(generation + 1), driver.Common.ReadByte(0x15));
    }

    /// <summary>4.1.4.9.</summary>
    [Fact]
    public void Registers_can_be_reached_through_configuration_space()
    {
        using PciDriver driver = new(_device, _reports);
        ulong window = 0xe000_0000 + (7 << 15) + 0x34;
        while (driver.Machine.Memory.Read(window, 1) is var at and not 0)
        {
            window = 0xe000_0000 + (7 << 15) + at;
            if (driver.Machine.Memory.Read(window, 1) == 9 && driver.Machine.Memory.Read(window + 3, 1) == 5)
            {
                break;
            }

            window++;
        }

        Assert.Equal((20UL, 5UL), (driver.Machine.Memory.Read(window + 2, 1), driver.Machine.Memory.Read(window + 3, 1)));
        driver.Machine.Memory.Write(window + 8, 4, 0x14);
        driver.Machine.Memory.Write(window + 12, 4, 1);
        driver.Machine.Memory.Write(window + 16, 4, 3);
        Assert.Equal((3, 3UL), (driver.Status, driver.Machine.Memory.Read(window + 16, 4)));

        // Neither another base address register nor what is not aligned, outside or too wide.
        foreach ((ulong bar, ulong offset, ulong length) in ((ulong, ulong, ulong)[])[(2, 0x14, 1), (0, 0x15, 2), (0, 0x8000, 4), (0, 0x14, 3), (0, 0x14, 0), (0, 0xffff_fffc, 4)])
        {
            driver.Machine.Memory.Write(window + 4, 1, bar);
            driver.Machine.Memory.Write(window + 8, 4, offset);
            driver.Machine.Memory.Write(window + 12, 4, length);
            driver.Machine.Memory.Write(window + 16, 4, 0);
            Assert.Equal(3, driver.Status);
        }
    }

    [Fact]
    public void A_reset_of_the_bus_stops_the_device()
    {
        using PciDriver driver = new(_device, _reports);
        Run(driver);
        driver.Machine.Bridge.Reset();
        Assert.Equal("stop", _device.Calls[^1]);
        Assert.Empty(driver.Attached);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public void No_access_of_a_guest_throws(string transport)
    {
        using TransportDriver driver = TransportDriver.Create(transport, _device, _reports);
        RegisterBus bus = driver is MmioDriver mmio ? mmio.Registers : ((PciDriver)driver).Machine.Memory;
        ulong first = driver is PciDriver pci ? pci.Attached.Keys.Min() - VirtioPciFunction.NotifyOffset : 0;
        ulong length = driver is PciDriver ? 0xa000UL : 0x1000;
        Random random = new(5);
        int[] widths = [1, 2, 4, 8];
        for (int i = 0; i < 100_000; i++)
        {
            ulong address = first + (ulong)random.NextInt64((long)(random.Next(2) == 0 ? length : 0x140));
            int width = widths[random.Next(4)];
            if (random.Next(2) == 0)
            {
                bus.Write(address, width, random.Next(3) == 0 ? ulong.MaxValue : (ulong)random.Next(300));
            }
            else
            {
                bus.Read(address, width);
            }
        }
    }

    public void Dispose() => _device.Dispose();

    private static void Run(TransportDriver driver)
    {
        driver.Status = 3;
        driver.Accept(Version1);
        driver.Status = 0xb;
        for (int i = 0; i < 2; i++)
        {
            driver.SetUpQueue(i, 64, 0x1000, 0x2000, 0x3000);
        }

        driver.Status = 0xf;
    }
}
