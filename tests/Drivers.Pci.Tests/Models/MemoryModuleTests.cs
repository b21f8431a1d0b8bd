using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Pci.Tests;

/// <summary>Memory of others, plugged into a machine of device models.</summary>
[Trait("Category", "Device")]
public sealed class MemoryModuleTests
{
    private readonly LinuxHost _host = new();

    [SkippableFact]
    public void Models_reach_memory_of_another_process_without_copying()
    {
        using QemuMachine machine = TestMachine.Start();
        using Grant grant = _host.CreateMemory("guest", 0x5000);
        using MappedMemory memory = grant.Map(0x1800, 0x1000, MemoryAccess.ReadWrite);
        using DmaMapping mapping = machine.Physical.Map(memory, DmaAccess.ReadWrite);
        Assert.Equal(0x2000ul, mapping.Length);
        int hint = 0;
        Assert.True(machine.Physical.TryTranslate(memory.Address, 0x1000, ref hint, out ulong physical));
        machine.MapRegisters(physical, 4).WriteUInt32(0, 0x1234_5678);
        Assert.Equal([0x78, 0x56, 0x34, 0x12], memory.Slice(0, 4).AsSpan().ToArray());
        memory.Slice(0xfff, 1).WriteByte(0, 9);
        Assert.Equal(9, machine.MapRegisters(physical, 0x1000).ReadByte(0xfff));
    }

    [SkippableFact]
    public void An_object_is_plugged_in_once_and_unplugged_when_nothing_of_it_is_used()
    {
        using QemuMachine machine = TestMachine.Start();
        using Grant grant = _host.CreateMemory("guest", 0x4000);
        using MappedMemory first = grant.Map(0, 0x1000, MemoryAccess.ReadWrite);
        using MappedMemory second = grant.Map(0x1000, 0x3000, MemoryAccess.ReadWrite);
        DmaMapping one = machine.Physical.Map(first, DmaAccess.Read);
        DmaMapping two = machine.Physical.Map(second, DmaAccess.ReadWrite);
        Assert.Equal(one.Iova + 0x1000, two.Iova);
        Assert.Equal(1, Modules(machine));
        one.Dispose();
        Assert.Equal(1, Modules(machine));
        second.Slice(0, 1).WriteByte(0, 7);
        Assert.Equal(7, machine.MapRegisters(two.Iova, 1).ReadByte(0));
        two.Dispose();
        Assert.Equal(0, Modules(machine));
    }

    [SkippableFact]
    public void Slots_are_used_again()
    {
        using QemuMachine machine = TestMachine.Start();
        for (int i = 0; i < 500; i++)
        {
            using Grant grant = _host.CreateMemory("guest", 0x1000);
            using MappedMemory memory = grant.Map(0, 0x1000, MemoryAccess.ReadWrite);
            using DmaMapping mapping = machine.Physical.Map(memory, DmaAccess.ReadWrite);
        }

        Assert.Equal(0, Modules(machine));
    }

    [SkippableFact]
    public void Memory_that_can_be_truncated_is_refused()
    {
        using QemuMachine machine = TestMachine.Start();
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, new byte[0x2000]);
            using var grant = new LinuxGrant(File.OpenHandle(path, access: FileAccess.ReadWrite));
            using MappedMemory memory = grant.Map(0, 0x2000, MemoryAccess.ReadWrite);
            Assert.Contains("F_SEAL_SHRINK", Assert.Throws<DmaException>(() => machine.Physical.Map(memory, DmaAccess.ReadWrite)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [SkippableFact]
    public void Memory_that_is_no_object_is_refused()
    {
        using QemuMachine machine = TestMachine.Start();
        Grant grant = _host.CreateMemory("guest", 0x1000);
        using MappedMemory memory = grant.Map(0, 0x1000, MemoryAccess.ReadWrite);
        grant.Dispose();
        Assert.Contains("not in the machine's memory", Assert.Throws<DmaException>(() => machine.Physical.Map(memory, DmaAccess.ReadWrite)).Message, StringComparison.Ordinal);
    }

    private static int Modules(QemuMachine machine) => machine.Monitor.Execute("query-memory-devices")!.AsArray().Count;
}
