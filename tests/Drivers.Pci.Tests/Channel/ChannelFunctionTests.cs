using Makatea.PciModel;
using Makatea.Platform;

namespace Makatea.Drivers.Pci.Tests;

/// <summary>A function over a channel is the function, and no more than it.</summary>
public sealed class ChannelFunctionTests
{
    [Fact]
    public void It_is_what_it_is()
    {
        using ChannelBed bed = new();
        Assert.Equal(bed.Function.Address, bed.Remote.Address);
        Assert.Equal(bed.Function.Identity, bed.Remote.Identity);
        Assert.Equal(256, bed.Remote.ConfigLength);
        Assert.Equal(bed.Function.GetBar(0), bed.Remote.GetBar(0));
        Assert.Equal(PciBarKind.None, bed.Remote.GetBar(1).Kind);
        Assert.True(bed.Remote.Dma.IsProtected);
        Assert.Equal(39, bed.Remote.Dma.AddressBits);
        Assert.False(bed.Remote.IsGone);
    }

    [Fact]
    public void Registers_of_every_width_are_read_and_written()
    {
        using ChannelBed bed = new();
        RegisterSpace ours = bed.Remote.MapBar(0);
        RegisterSpace theirs = bed.Function.MapBar(0);
        Assert.Equal(64ul, ours.Length);
        ours.WriteUInt64(0, 0x1122_3344_5566_7788);
        ours.WriteUInt32(8, 0x99aa_bbcc);
        ours.WriteUInt16(12, 0xddee);
        ours.WriteByte(14, 0xff);
        Assert.Equal(0x1122_3344_5566_7788ul, theirs.ReadUInt64(0));
        Assert.Equal(0xff_ddee_99aa_bbccul, theirs.ReadUInt64(8));
        Assert.Equal(0x1122_3344_5566_7788ul, ours.ReadUInt64(0));
        Assert.Equal(0x99aa_bbccu, ours.ReadUInt32(8));
        Assert.Equal(0xddee, ours.ReadUInt16(12));
        Assert.Equal(0xff, ours.ReadByte(14));
    }

    [Fact]
    public void Configuration_space_is_read_and_written_within_its_bounds()
    {
        using ChannelBed bed = new();
        bed.Remote.WriteConfig(0x40, 4, 0xdead_beef);
        Assert.Equal(0xef, bed.Function.Config[0x40]);
        Assert.Equal(0xdeadu, bed.Remote.ReadConfig(0x42, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => bed.Remote.ReadConfig(0x100, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => bed.Remote.ReadConfig(1, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => bed.Remote.ReadConfig(0, 3));
    }

    [Fact]
    public void A_register_beyond_the_end_or_in_no_register_is_refused_and_the_channel_goes_on()
    {
        using ChannelBed bed = new();
        _ = bed.Remote.MapBar(0);
        Assert.Contains("of a register space of 64", Assert.Throws<FunctionRefusedException>(() => bed.Ask(FunctionOperation.ReadRegister, address: 64, width: 4)).Message);
        Assert.Contains("not aligned", Assert.Throws<FunctionRefusedException>(() => bed.Ask(FunctionOperation.WriteRegister, address: 2, width: 4)).Message);
        Assert.Contains("not 3", Assert.Throws<FunctionRefusedException>(() => bed.Ask(FunctionOperation.ReadRegister, address: 0, width: 3)).Message);
        Assert.Contains("was not mapped", Assert.Throws<FunctionRefusedException>(() => bed.Ask(FunctionOperation.ReadRegister, index: 1, width: 4)).Message);
        Assert.Contains("decodes nothing", Assert.Throws<FunctionRefusedException>(() => bed.Remote.MapBar(5)).Message);
        Assert.Contains("no operation", Assert.Throws<FunctionRefusedException>(() => bed.Ask((FunctionOperation)99)).Message);
        Assert.Equal(0x1b36u, bed.Remote.ReadConfig(0, 2));
    }

    [Fact]
    public void Interrupts_ring_across_the_channel()
    {
        using ChannelBed bed = new();
        PciInterrupts interrupts = bed.Remote.EnableInterrupts(2);
        Assert.Equal(PciInterruptKind.MsiX, interrupts.Kind);
        using DoorbellWaiter waiter = bed.Host.CreateWaiter();
        waiter.Add(interrupts.Vectors[0], 0);
        waiter.Add(interrupts.Vectors[1], 1);
        bed.Function.Vectors[1].Ring();
        Assert.Equal(2ul, waiter.Wait(Deadline()));
        Assert.Contains("3", Assert.Throws<FunctionRefusedException>(() => bed.Remote.EnableInterrupts(3)).Message);
        Assert.Contains("not in use", Assert.Throws<FunctionRefusedException>(() => bed.Ask(FunctionOperation.GetInterrupt, value: 7)).Message);
    }

    [Fact]
    public void Memory_is_mapped_for_the_function_and_unmapped_again()
    {
        using ChannelBed bed = new();
        DmaMemory memory = bed.Remote.Dma.Allocate(5000);
        Assert.Equal(8192ul, memory.Length);
        DmaMapping theirs = Assert.Single(bed.Function.Space.Mappings);
        Assert.Equal(memory.Iova, theirs.Iova);
        Assert.Equal(8192ul, theirs.Length);
        memory.Slice(4096, 1).WriteByte(0, 77);
        Assert.Equal(77, MemorySegment.UnsafeCreate(theirs.Address, 8192).AsSpan()[4096]);
        int hint = 0;
        Assert.True(bed.Remote.Dma.TryTranslate(memory.Address + 4100, 8, ref hint, out ulong iova));
        Assert.Equal(memory.Iova + 4100, iova);
        memory.Dispose();
        Assert.Empty(bed.Function.Space.Mappings);
    }

    [Fact]
    public void A_part_of_memory_is_mapped_with_the_pages_that_hold_it()
    {
        using ChannelBed bed = new();
        using Grant grant = bed.Host.CreateMemory("test", 0x8000);
        using MappedMemory memory = grant.Map(0x1800, 0x1000, MemoryAccess.ReadWrite);
        using DmaMapping mapping = bed.Remote.Dma.Map(memory, DmaAccess.Read);
        memory.Slice(0, 1).WriteByte(0, 99);
        DmaMapping theirs = Assert.Single(bed.Function.Space.Mappings);
        Assert.Equal((0x2000ul, DmaAccess.Read), (theirs.Length, theirs.Access));
        Assert.Equal(99, MemorySegment.UnsafeCreate(theirs.Address, 0x2000).AsSpan()[0x800]);
    }

    [Fact]
    public void Memory_whose_grant_is_gone_is_refused()
    {
        using ChannelBed bed = new();
        Grant grant = bed.Host.CreateMemory("test", 0x1000);
        using MappedMemory memory = grant.Map(0, 0x1000, MemoryAccess.ReadWrite);
        grant.Dispose();
        Assert.Throws<DmaException>(() => bed.Remote.Dma.Map(memory, DmaAccess.ReadWrite));
    }

    [Theory]
    [InlineData(0x1000ul, 0x1000ul, 1)]
    [InlineData(0ul, 0x2000ul, 1)]
    [InlineData(ulong.MaxValue, 0x1000ul, 1)]
    [InlineData(0ul, ulong.MaxValue, 1)]
    [InlineData(0ul, 0ul, 1)]
    [InlineData(0ul, 0x1000ul, 0)]
    [InlineData(0ul, 0x1000ul, 4)]
    public void Memory_outside_what_was_granted_is_refused(ulong offset, ulong length, int access)
    {
        using ChannelBed bed = new();
        using Grant grant = bed.Host.CreateMemory("test", 0x1000);
        Assert.Throws<FunctionRefusedException>(() => bed.Ask(FunctionOperation.MapMemory, address: offset, length: length, width: access, grant: grant));
        Assert.Empty(bed.Function.Space.Mappings);
    }

    [Fact]
    public void Grants_come_with_memory_alone()
    {
        using ChannelBed bed = new();
        using Grant grant = bed.Host.CreateMemory("test", 0x1000);
        Assert.Throws<FunctionRefusedException>(() => bed.Ask(FunctionOperation.Reset, grant: grant));
        Assert.Throws<FunctionRefusedException>(() => bed.Ask(FunctionOperation.MapMemory, length: 0x1000, width: 3));
        Assert.DoesNotContain("reset", bed.Function.Calls);
    }

    [Fact]
    public void Mappings_are_bounded()
    {
        using ChannelBed bed = new();
        using Grant grant = bed.Host.CreateMemory("test", 0x1000);
        for (int i = 0; i < FunctionServer.MaxMappings; i++)
        {
            bed.Ask(FunctionOperation.MapMemory, length: 0x1000, width: 3, grant: grant);
        }

        Assert.Contains("240", Assert.Throws<FunctionRefusedException>(() => bed.Ask(FunctionOperation.MapMemory, length: 0x1000, width: 3, grant: grant)).Message);
    }

    [Fact]
    public void The_function_is_off_before_its_memory_goes()
    {
        FakeFunction function;
        using (ChannelBed bed = new())
        {
            function = bed.Function;
            bed.Remote.Dma.Allocate(4096);
            bed.Remote.SetBusMaster(true);
        }

        Assert.Equal(["bus master True", "disposed with 1 mappings"], function.Calls);
        Assert.Empty(function.Space.Mappings);
    }

    [Fact]
    public void A_function_whose_server_ended_is_gone_and_reads_as_all_ones()
    {
        using ChannelBed bed = new();
        RegisterSpace registers = bed.Remote.MapBar(0);
        bed.EndServer();
        Assert.Equal(uint.MaxValue, registers.ReadUInt32(0));
        registers.WriteUInt32(0, 1);
        Assert.True(bed.Remote.IsGone);
        Assert.ThrowsAny<IOException>(() => bed.Remote.Reset());
    }

    [Fact]
    public void Bytes_that_are_no_requests_end_the_channel_alone()
    {
        var random = new Random(3);
        for (int i = 0; i < 200; i++)
        {
            using ChannelBed bed = new(connect: false);
            byte[] bytes = new byte[random.Next(1, 400)];
            random.NextBytes(bytes);
            for (int at = 0; at < bytes.Length; at += FunctionRequest.Size)
            {
                bytes[at] = (byte)random.Next(0, 16);
            }

            bed.Channel.Send(bytes, []);
            bed.Channel.Close();
            Assert.True(bed.WaitForServer());
        }
    }

    private static long Deadline() => TimeProvider.System.GetTimestamp() + (10 * TimeProvider.System.TimestampFrequency);
}
