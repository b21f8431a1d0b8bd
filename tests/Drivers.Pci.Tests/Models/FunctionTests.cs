using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Pci.Tests;

/// <summary>Functions of QEMU's models: registers, interrupts by message, DMA, reset, removal.</summary>
[Trait("Category", "Device")]
public sealed class FunctionTests
{
    private const uint Nvme = 0x010802;
    private const uint Ethernet = 0x020000;

    [SkippableTheory]
    [InlineData("nvme,serial=a", Nvme, 0x1b36, 0x0010, PciBarKind.Memory64, 65)]
    [InlineData("e1000", Ethernet, 0x8086, 0x100e, PciBarKind.Memory32, 0)]
    [InlineData("e1000e", Ethernet, 0x8086, 0x10d3, PciBarKind.Memory32, 5)]
    public void Registers_have_addresses(string device, uint classCode, ushort vendor, ushort id, PciBarKind kind, int interrupts)
    {
        using QemuMachine machine = TestMachine.Start(device);
        using PciFunction function = TestMachine.Open(machine, classCode);
        Assert.Equal((vendor, id), (function.Identity.Vendor, function.Identity.Device));
        Assert.Equal(kind, function.GetBar(0).Kind);
        Assert.Equal(interrupts, function.MaxInterrupts);
        Assert.False(function.IsGone);
        RegisterSpace registers = function.MapBar(0);
        Assert.Equal(function.GetBar(0).Length, registers.Length);
        Assert.Equal(registers.Length, 1ul << 63 - System.Numerics.BitOperations.LeadingZeroCount(registers.Length));

        // NVMe: version; e1000: device status. Neither is zero or all ones.
        Assert.NotInRange(registers.ReadUInt32(8) + 1, 0u, 1u);
    }

    [SkippableFact]
    public void Sends_interrupts_by_message_and_reads_memory()
    {
        using QemuMachine machine = TestMachine.Start("edu,dma_mask=0xffffffff");
        var host = new PciHost(machine);
        using PciFunction edu = host.Open(host.Scan().Single(f => f.Identity is { Vendor: 0x1234, Device: 0x11e8 }).Address, machine.Physical);
        RegisterSpace registers = edu.MapBar(0);
        using DmaMemory memory = edu.Dma.Allocate(8192);
        using var waiter = new LinuxHost().CreateWaiter();
        PciInterrupts interrupts = edu.EnableInterrupts(1);
        Assert.Equal(PciInterruptKind.Msi, interrupts.Kind);
        waiter.Add(interrupts.Vectors[0], 3);

        // 100 bytes into the device and back into the second page, with an interrupt each time ("EDU device": DMA registers 0x80 to 0x98).
        byte[] sent = [.. Enumerable.Range(1, 100).Select(i => (byte)i)];
        sent.CopyTo(memory.Slice(0, 100).AsSpan());
        edu.SetBusMaster(true);
        Transfer(registers, memory.Iova, 0x40000, 100, 1 | 4);
        Assert.Equal(1ul << 3, waiter.Wait(Deadline(10)));
        registers.WriteUInt32(0x64, registers.ReadUInt32(0x24));
        Transfer(registers, 0x40000, memory.Iova + 4096, 100, 1 | 2 | 4);
        Assert.Equal(1ul << 3, waiter.Wait(Deadline(10)));
        Assert.Equal(sent, memory.Slice(4096, 100).AsSpan().ToArray());

        // Without bus mastering nothing arrives, neither data nor interrupt.
        memory.Slice(4096, 100).AsSpan().Clear();
        edu.SetBusMaster(false);
        registers.WriteUInt32(0x64, registers.ReadUInt32(0x24));
        Transfer(registers, 0x40000, memory.Iova + 4096, 100, 1 | 2 | 4);
        Assert.Equal(0ul, waiter.Wait(Deadline(0.5)));
        Assert.Equal(new byte[100], memory.Slice(4096, 100).AsSpan().ToArray());
    }

    [SkippableFact]
    public void Each_vector_rings_its_own_doorbell()
    {
        using QemuMachine machine = TestMachine.Start("e1000e");
        using PciFunction nic = TestMachine.Open(machine, Ethernet);
        PciInterrupts interrupts = nic.EnableInterrupts(5);
        Assert.Equal(PciInterruptKind.MsiX, interrupts.Kind);
        using var waiter = new LinuxHost().CreateWaiter();
        for (int i = 0; i < 5; i++)
        {
            waiter.Add(interrupts.Vectors[i], i);
        }

        // [82574-DS] 10.2.4: causes rxq0, rxq1, txq0, txq1, other to vectors 0 to 4 (IVAR), automatic clear off, then each raised by software (ICS).
        nic.SetBusMaster(true);
        RegisterSpace registers = nic.MapBar(0);
        registers.WriteUInt32(0xe4, 0x000c_ba98);
        registers.WriteUInt32(0xd0, 0x01f0_0000);
        for (int i = 0; i < 5; i++)
        {
            registers.WriteUInt32(0xc8, 1u << (20 + i));
            Assert.Equal(1ul << i, waiter.Wait(Deadline(10)));
            registers.WriteUInt32(0xc0, uint.MaxValue);
            registers.WriteUInt32(0xd0, 0x01f0_0000);
        }

        // A reset ([82574-DS] 10.2.2.1, CTRL.RST) ends moderation: QEMU's model does not survive its timer once MSI-X is off.
        registers.WriteUInt32(0x00, 1u << 26);
        nic.DisableInterrupts();
        Assert.Equal(0u, nic.ReadConfig(nic.FindCapability(PciCapabilityId.MsiX) + 2, 2) & 0x8000);
    }

    [SkippableFact]
    public void A_component_cannot_move_registers_or_aim_interrupts()
    {
        using QemuMachine machine = TestMachine.Start("e1000e");
        using PciFunction nic = TestMachine.Open(machine, Ethernet);
        nic.EnableInterrupts(2);
        int length = nic.ConfigLength;
        Assert.Equal(4096, length);
        uint[] before = [.. Enumerable.Range(0, length / 4).Select(i => nic.ReadConfig(i * 4, 4))];
        foreach (int offset in Enumerable.Range(0, length / 4).Select(i => i * 4).Where(o => o is not (4 or 12)))
        {
            nic.WriteConfig(offset, 4, ~before[offset / 4]);
        }

        // Of all that, the control register of the PCI Express capability alone may be another.
        int control = nic.FindCapability(PciCapabilityId.Express) + 8;
        IEnumerable<int> changed = Enumerable.Range(0, length / 4).Select(i => i * 4).Where(o => nic.ReadConfig(o, 4) != before[o / 4]);
        Assert.Subset(new HashSet<int> { control }, changed.ToHashSet());

        // The command register takes its harmless bits.
        nic.WriteConfig(PciConfig.Command, 2, 0xffff);
        Assert.Equal(0u, nic.ReadConfig(PciConfig.Command, 2) & PciConfig.CommandBusMaster);
        Assert.NotEqual(0u, nic.ReadConfig(PciConfig.Command, 2) & PciConfig.CommandNoPinInterrupt);
        Assert.Throws<ArgumentOutOfRangeException>(() => nic.ReadConfig(length, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => nic.ReadConfig(2, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => nic.WriteConfig(-4, 4, 0));
    }

    [SkippableFact]
    public void Comes_back_from_reset_at_its_address_and_switched_off()
    {
        using QemuMachine machine = TestMachine.Start("nvme,serial=a");
        using PciFunction nvme = TestMachine.Open(machine, Nvme);
        RegisterSpace registers = nvme.MapBar(0);
        nvme.SetBusMaster(true);
        nvme.EnableInterrupts(3);
        uint version = registers.ReadUInt32(8);
        nvme.WriteConfig(0x0c, 1, 0x10); // Cache line size: does nothing, and is cleared by a reset.
        Assert.Equal(0x10u, nvme.ReadConfig(0x0c, 1));
        nvme.Reset();
        Assert.Equal(0u, nvme.ReadConfig(0x0c, 1));
        Assert.Equal(version, registers.ReadUInt32(8));
        Assert.Equal(0u, nvme.ReadConfig(PciConfig.Command, 2) & PciConfig.CommandBusMaster);
        Assert.Equal(0u, nvme.ReadConfig(nvme.FindCapability(PciCapabilityId.MsiX) + 2, 2) & 0x8000);
        nvme.EnableInterrupts(3);
    }

    [SkippableFact]
    public void Refuses_to_reset_what_has_no_reset()
    {
        using QemuMachine machine = TestMachine.Start("e1000");
        using PciFunction nic = TestMachine.Open(machine, Ethernet);
        Assert.Contains("no reset of its own", Assert.Throws<IOException>(nic.Reset).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Survives_being_pulled_out_and_finds_what_is_put_in()
    {
        using QemuMachine machine = TestMachine.Start("pcie-root-port,id=root1,chassis=1", "nvme,serial=a,id=disk,bus=root1");
        var host = new PciHost(machine);
        PciAddress address = host.Scan().Single(f => f.Identity.ClassCode == Nvme).Address;
        PciFunction nvme = host.Open(address, machine.Physical);
        RegisterSpace registers = nvme.MapBar(0);
        nvme.EnableInterrupts(2);
        machine.Unplug("disk");
        Assert.True(nvme.IsGone);
        Assert.Equal(uint.MaxValue, nvme.ReadConfig(0, 4));
        Assert.Contains(registers.ReadUInt32(8), new[] { 0u, uint.MaxValue });
        Assert.Throws<IOException>(nvme.Reset);
        Assert.Throws<IOException>(() => nvme.EnableInterrupts(1));
        nvme.Dispose();
        Assert.DoesNotContain(host.Scan(), f => f.Identity.ClassCode == Nvme);

        machine.Plug("root1", "disk2", "nvme", new() { ["serial"] = "b" });
        Assert.Contains(host.Scan(), f => f.Address == address);
        using PciFunction another = host.Open(address, machine.Physical);
        Assert.NotEqual(0u, another.MapBar(0).ReadUInt32(8));
    }

    private static void Transfer(RegisterSpace edu, ulong from, ulong to, ulong length, ulong command)
    {
        edu.WriteUInt64(0x80, from);
        edu.WriteUInt64(0x88, to);
        edu.WriteUInt64(0x90, length);
        edu.WriteUInt64(0x98, command);
    }

    private static long Deadline(double seconds) => TimeProvider.System.GetTimestamp() + (long)(seconds * TimeProvider.System.TimestampFrequency);
}
