using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

public sealed class ReadOnlyDeviceTests : BlockViewContract
{
    [Theory]
    [InlineData(BlockOperation.Write)]
    [InlineData(BlockOperation.Discard)]
    [InlineData(BlockOperation.WriteZeroes)]
    [InlineData(BlockOperation.WriteZeroesUnmap)]
    [InlineData(BlockOperation.SecureErase)]
    public void What_would_write_ends_in_an_io_error_and_does_not_reach_the_device_below(BlockOperation operation)
    {
        var below = new FaultyDevice(new MemoryDevice(SizeBelow), 1);
        using var device = new ReadOnlyDevice(below);
        using var driver = new QueueDriver(device, 4);

        Assert.Equal(BlockStatus.IoError, driver.Execute(operation, 0, 8, new byte[4096]));
        Assert.Empty(below.Seen);
    }

    [Fact]
    public void A_batch_with_a_write_in_its_middle_keeps_its_reads()
    {
        var below = new FaultyDevice(new MemoryDevice(SizeBelow), 1);
        using var device = new ReadOnlyDevice(below);
        using var driver = new QueueDriver(device, 8);
        BlockOperation[] operations = [BlockOperation.Write, BlockOperation.Read, BlockOperation.Read, BlockOperation.Discard, BlockOperation.Flush, BlockOperation.Write];
        var statuses = new BlockStatus[operations.Length];
        driver.Submit([.. operations.Select((o, i) => driver.Prepare(i, o, 0, o == BlockOperation.Flush ? 0u : 8u))]);
        driver.Drain(c => statuses[c.Tag] = c.Status);

        Assert.Equal([BlockStatus.IoError, BlockStatus.Ok, BlockStatus.Ok, BlockStatus.IoError, BlockStatus.Ok, BlockStatus.IoError], statuses);
        Assert.Equal([BlockOperation.Read, BlockOperation.Read, BlockOperation.Flush], below.Seen.Select(r => r.Operation));
    }

    [Fact]
    public void It_says_that_it_is_read_only()
    {
        using var device = new ReadOnlyDevice(new MemoryDevice(SizeBelow));
        Assert.True(device.Info.IsReadOnly);
        Assert.Equal(0, device.Info.DiscardGranularity);
        Assert.False(device.Info.SupportsWriteZeroes || device.Info.SupportsSecureErase);
    }

    protected override BlockDevice CreateOver(BlockDevice below) => new ReadOnlyDevice(below);
}
