using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme.Tests.Models;

/// <summary>What is in a volatile cache reaches the disk when it is asked for, and before the controller is let go.</summary>
[Trait("Category", "Device")]
public sealed class ModelDurabilityTests
{
    [SkippableFact]
    public void A_flush_reaches_the_disk_behind_the_writes_before_it()
    {
        using var bed = ModelBed.StartLogged();
        using NvmeNamespace disk = bed.Open().OpenNamespace(1);
        Assert.True(disk.Info.HasVolatileCache);
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        for (ulong sector = 8; sector <= 24; sector += 8)
        {
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, sector, 8, new byte[4096]));
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        }

        Assert.Equal([(8, false), (0, true), (16, false), (0, true), (24, false), (0, true)], bed.ReadLog().Select(r => (r.Sector, r.IsFlush)));
    }

    /// <summary>[NVMe-2.1] 3.6.1: the shutdown notification, which this model answers by flushing.</summary>
    [SkippableFact]
    public void The_controller_is_told_of_the_end_and_waited_for()
    {
        using var bed = ModelBed.StartLogged();
        using (NvmeController controller = bed.Open())
        using (NvmeNamespace disk = controller.OpenNamespace(1))
        using (QueueDriver driver = bed.OpenQueue(disk, 4))
        {
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 8, 8, new byte[4096]));
            Assert.Equal([false], bed.ReadLog().Select(r => r.IsFlush));
        }

        IReadOnlyList<LoggedRequest> log = bed.ReadLog();
        Assert.Equal((8ul, 8ul), (log[0].Sector, log[0].Sectors));
        Assert.Contains(log.Skip(1), r => r.IsFlush);
    }

    /// <summary>A controller that is reset keeps what it completed, and the cache is flushed as before.</summary>
    [SkippableFact]
    public void A_flush_after_a_reset_reaches_the_disk()
    {
        using var bed = ModelBed.StartLogged();
        using NvmeNamespace disk = bed.Open().OpenNamespace(1);
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        byte[] data = new byte[4096];
        new Random(4).NextBytes(data);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 8, 8, data));
        bed.Controller!.Reset();
        int before = bed.ReadLog().Count;
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        Assert.Contains(bed.ReadLog().Skip(before), r => r.IsFlush);
        Assert.Equal(data, bed.ReadImage().AsSpan(8 * 512, 4096).ToArray());
    }
}
