using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

public sealed class NullDeviceTests : BlockDeviceContract
{
    protected override bool StoresNothing => true;

    [Theory]
    [InlineData(false, 0x5A)]
    [InlineData(true, 0)]
    public void Reads_clear_the_buffers_only_where_asked_to(bool readsZeroes, byte expected)
    {
        using var device = new NullDevice(1024, readsZeroes);
        using var driver = new QueueDriver(device, 1);
        BlockRequest request = driver.Prepare(0, BlockOperation.Read, 8, 8, new Random(1));
        driver.SetData(0, Enumerable.Repeat((byte)0x5A, 4096).ToArray());
        driver.Submit(request);
        driver.Drain(c => Assert.Equal(BlockStatus.Ok, c.Status));

        Assert.All(driver.GetData(0), b => Assert.Equal(expected, b));
    }

    protected override BlockDevice CreateDevice() => new NullDevice(4096);
}
