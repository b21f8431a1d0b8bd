using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

public sealed class PartitionDeviceTests : BlockViewContract
{
    private const ulong First = 77;

    [Fact]
    public void Sectors_are_those_of_the_disk_moved_by_its_start_and_the_rest_of_the_disk_is_out_of_reach()
    {
        var disk = new MemoryDevice(1 << 20);
        using var whole = new QueueDriver(disk, 1);
        byte[] before = new byte[512];
        Array.Fill(before, (byte)1);
        whole.Execute(BlockOperation.Write, First - 1, 1, before);
        whole.Execute(BlockOperation.Write, First + 100, 1, before);

        using var partition = new PartitionDevice(disk, First, 100);
        using var driver = new QueueDriver(partition, 4);
        byte[] data = new byte[100 * 512];
        Array.Fill(data, (byte)2);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 0, 100, data));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, ulong.MaxValue, 1, data));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 100, 1, data));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.WriteZeroes, 99, 2));

        byte[] all = new byte[102 * 512];
        whole.Execute(BlockOperation.Read, First - 1, 102, all);
        Assert.Equal([.. before, .. data, .. before], all);
    }

    [Theory]
    [InlineData(2048ul, 4096)]
    [InlineData(2049ul, 512)]
    [InlineData(2052ul, 2048)]
    public void A_physical_block_that_the_start_cuts_is_not_claimed(ulong first, int physical)
    {
        var disk = new FaultyDevice(new MemoryDevice(4 << 20), 1) { Claims = i => i with { PhysicalBlockSize = 4096, DiscardGranularity = 4096 } };
        using var partition = new PartitionDevice(disk, first, 2048);
        Assert.Equal(physical, partition.Info.PhysicalBlockSize);
        Assert.Equal(physical, partition.Info.DiscardGranularity);
        Assert.Equal(2048ul, partition.Info.SectorCount);
    }

    [Theory]
    [InlineData(0ul, 0ul)]
    [InlineData(2048ul, 1ul)]
    [InlineData(2047ul, 9ul)]
    [InlineData(8ul, ulong.MaxValue)]
    [InlineData(ulong.MaxValue, 8ul)]
    [InlineData(4ul, 8ul)]
    [InlineData(8ul, 12ul)]
    public void Ranges_that_are_not_whole_blocks_of_the_disk_are_refused(ulong first, ulong count)
    {
        using var disk = new MemoryDevice(1 << 20, 4096);
        Assert.Throws<ArgumentOutOfRangeException>(() => new PartitionDevice(disk, first, count));
    }

    protected override BlockDevice CreateOver(BlockDevice below) => new PartitionDevice(below, First, below.Info.SectorCount - First - 10);
}
