using System.Text;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Pci.Tests;

/// <summary>The machine of device models itself.</summary>
[Trait("Category", "Device")]
public sealed class MachineTests
{
    [SkippableFact]
    public void Has_the_tables_that_firmware_would_publish()
    {
        using QemuMachine machine = TestMachine.Start("intel-iommu,intremap=on", "nvme,serial=a");
        List<string> signatures = [];
        foreach (ReadOnlyMemory<byte> table in machine.AcpiTables)
        {
            string signature = Encoding.ASCII.GetString(table.Span[..4]);
            signatures.Add(signature);

            // The FACS alone has no checksum.
            if (signature != "FACS")
            {
                Assert.Equal(table.Length, AcpiTable.Parse(table).Bytes.Length);
            }
        }

        Assert.Superset(new HashSet<string> { "DSDT", "FACP", "APIC", "MCFG", "DMAR" }, signatures.ToHashSet());

        // VT-d answers at the address of q35's: version 1.0.
        Assert.Equal(0x10u, machine.MapRegisters(0xfed9_0000, 4096).ReadUInt32(0));
    }

    [SkippableFact]
    public void Memory_is_seen_by_both_sides()
    {
        using QemuMachine machine = TestMachine.Start();
        using DmaMemory memory = machine.Physical.Allocate(5000);
        Assert.Equal(8192ul, memory.Length);
        RegisterSpace fromInside = machine.MapRegisters(memory.Iova, memory.Length);
        memory.View(0, 8).ReleaseUInt64(0, 0x0123_4567_89ab_cdef);
        Assert.Equal(0x0123_4567_89ab_cdeful, fromInside.ReadUInt64(0));
        Assert.Equal(0xcd, fromInside.ReadByte(1));
        fromInside.WriteUInt16(4098, 0xabcd);
        Assert.Equal(0xabcd, memory.View(4096, 4).AcquireUInt16(2));

        int hint = 0;
        Assert.True(machine.Physical.TryTranslate(memory.Address + 100, 1000, ref hint, out ulong iova));
        Assert.Equal(memory.Iova + 100, iova);
        Assert.Contains("QemuMachineOptions.Memory", Assert.Throws<DmaException>(() => machine.Physical.Allocate(1ul << 40)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Memory_is_given_out_again_and_zeroed()
    {
        using QemuMachine machine = TestMachine.Start();
        DmaMemory first = machine.Physical.Allocate(4096);
        first.Slice(0, 4096).AsSpan().Fill(0xff);
        ulong at = first.Iova;
        first.Dispose();
        first.Dispose();
        using DmaMemory second = machine.Physical.Allocate(4096);
        Assert.Equal(at, second.Iova);
        Assert.Equal(-1, second.Slice(0, 4096).AsSpan().IndexOfAnyExcept((byte)0));
    }

    [SkippableFact]
    public void A_refusal_of_QEMU_is_told_in_its_words()
    {
        IOException e = Assert.Throws<IOException>(() => TestMachine.Start("no-such-device"));
        Assert.Contains("'no-such-device' is not a valid device model name", e.Message, StringComparison.Ordinal);
        using QemuMachine machine = TestMachine.Start();
        Assert.Contains("nonsense", Assert.Throws<IOException>(() => machine.Monitor.Execute("nonsense")).Message, StringComparison.Ordinal);
        Assert.Contains("no device 'x'", Assert.Throws<IOException>(() => machine.Unplug("x")).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void The_end_of_QEMU_is_told_and_nothing_hangs()
    {
        using QemuMachine machine = TestMachine.Start("nvme,serial=a");
        using PciFunction nvme = TestMachine.Open(machine, 0x010802);
        RegisterSpace registers = nvme.MapBar(0);
        machine.Monitor.Execute("quit");
        IOException e = Assert.Throws<IOException>(() =>
        {
            for (int i = 0; i < 100_000; i++)
            {
                registers.ReadUInt32(0);
            }
        });
        Assert.Contains("QEMU ended (exit code 0)", e.Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => machine.Monitor.Execute("query-status"));
    }

    [SkippableFact]
    public void Takes_QEMU_along_at_its_end()
    {
        QemuMachine machine = TestMachine.Start();
        int id = machine.ProcessId;
        Assert.True(Directory.Exists($"/proc/{id}"));
        machine.Dispose();
        Assert.False(Directory.Exists($"/proc/{id}"));
        machine.Dispose();
    }

    [Fact]
    public void Refuses_options_that_cannot_be()
    {
        Assert.Throws<ArgumentException>(() => QemuMachine.Start(new QemuMachineOptions { Memory = 3ul << 30 }));
        Assert.Throws<ArgumentException>(() => QemuMachine.Start(new QemuMachineOptions { Memory = 4096 }));
    }
}
