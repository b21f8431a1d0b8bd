using Makatea.Platform;

namespace Makatea.BlockContract;

/// <summary>What every <see cref="BlockDevice"/> keeps. Derive from it with a device, and the tests run.</summary>
public abstract class BlockDeviceContract
{
    /// <summary>Most sectors that the tests touch.</summary>
    protected const int MostSectors = 4096;

    /// <summary>Makes waiters, where the device needs a doorbell.</summary>
    protected virtual ComponentHost? Host => null;

    /// <summary>The device stores nothing, so contents are not compared.</summary>
    protected virtual bool StoresNothing => false;

    /// <summary>A device of its own for a test, of at least 256 KiB, with any contents. Skips the test where the machine lacks what it needs.</summary>
    protected abstract BlockDevice CreateDevice();

    [SkippableFact]
    public void Info_is_consistent()
    {
        using BlockDevice device = CreateDevice();
        BlockDeviceInfo info = device.Info;

        Assert.True(info.SectorCount >= 512);
        Assert.InRange(info.BlockSize, 512, 65536);
        Assert.Equal(0, info.BlockSize & (info.BlockSize - 1));
        Assert.Equal(0, info.PhysicalBlockSize % info.BlockSize);
        Assert.Equal(0ul, info.SectorCount * BlockDevice.SectorSize % (ulong)info.BlockSize);
        Assert.Equal(0, info.DiscardGranularity % info.BlockSize);
    }

    [SkippableTheory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 1, 32)]
    [InlineData(3, 4, 16)]
    [InlineData(4, 3, 128)]
    public void Random_operations_on_several_queues_match_the_model(int seed, int queues, int depth)
    {
        using BlockDevice device = CreateDevice();
        QueueDriver[] drivers = [.. Enumerable.Range(0, queues).Select(_ => new QueueDriver(device, depth, Host))];
        var model = new DiskModel(drivers[0], Sectors(device));
        RandomLoad[] loads = [.. drivers.Select((d, i) => new RandomLoad(device, d, model, (seed * 100) + i) { StoresNothing = StoresNothing })];

        var random = new Random(seed);
        for (int i = 0; i < 600; i++)
        {
            loads[random.Next(queues)].SubmitBatch();
            loads[random.Next(queues)].Reap(random.Next(1, 17));
        }

        // Round and round, as each queue has a thread of its own: one may wait for another.
        while (drivers.Any(d => d.Outstanding > 0))
        {
            if (loads.Sum(l => l.Reap(16)) == 0)
            {
                Array.ForEach([.. drivers.Where(d => d.Outstanding > 0)], d => d.Wait());
            }
        }

        Finish(drivers, model);
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public void Random_operations_of_several_threads_match_the_model(int seed)
    {
        using BlockDevice device = CreateDevice();
        QueueDriver[] drivers = [.. Enumerable.Range(0, 3).Select(_ => new QueueDriver(device, 32, Host))];
        var model = new DiskModel(drivers[0], Sectors(device));

        Exception?[] failures = new Exception?[drivers.Length];
        Thread[] threads = [.. drivers.Select((driver, i) => new Thread(() =>
        {
            failures[i] = Record.Exception(() => new RandomLoad(device, driver, model, (seed * 1000) + i) { StoresNothing = StoresNothing }.Run(1000));
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());

        Assert.All(failures, Assert.Null);
        Finish(drivers, model);
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(64)]
    public void As_many_requests_as_the_depth_are_taken_at_once(int depth)
    {
        using BlockDevice device = CreateDevice();
        using var driver = new QueueDriver(device, depth, Host);
        uint count = (uint)(device.Info.BlockSize / BlockDevice.SectorSize);

        for (int round = 0; round < 3; round++)
        {
            driver.Submit([.. Enumerable.Range(0, depth).Select(tag => driver.Prepare(tag, BlockOperation.Read, (ulong)tag * count % device.Info.SectorCount, count))]);
            driver.Drain(c => Assert.Equal(BlockStatus.Ok, c.Status));
        }
    }

    [SkippableFact]
    public void Completions_are_handed_out_one_by_one_and_none_for_an_empty_span()
    {
        using BlockDevice device = CreateDevice();
        using var driver = new QueueDriver(device, 8, Host);
        uint count = (uint)(device.Info.BlockSize / BlockDevice.SectorSize);
        driver.Submit([.. Enumerable.Range(0, 8).Select(tag => driver.Prepare(tag, BlockOperation.Read, 0, count))]);

        var one = new BlockCompletion[1];
        while (driver.Outstanding > 0)
        {
            Assert.Equal(0, driver.Poll([]));
            if (driver.Poll(one) == 0)
            {
                driver.Wait();
            }
        }

        Assert.Equal(0, driver.Poll(one));
    }

    [SkippableFact]
    public void An_idle_queue_lets_its_thread_sleep()
    {
        using BlockDevice device = CreateDevice();
        using var driver = new QueueDriver(device, 8, Host);
        driver.Submit([]);
        Assert.Equal(0, driver.Poll(new BlockCompletion[4]));
        Assert.Equal(DoorbellWaiter.Forever, driver.Queue.Arm());

        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        Assert.Equal(DoorbellWaiter.Forever, driver.Queue.Arm());
    }

    [SkippableFact]
    public void Sectors_outside_the_device_end_in_an_error_and_touch_nothing()
    {
        using BlockDevice device = CreateDevice();
        using var driver = new QueueDriver(device, 8, Host);
        uint block = (uint)(device.Info.BlockSize / BlockDevice.SectorSize);
        ulong end = device.Info.SectorCount;
        byte[] before = ReadBlock(driver, end - block, block);
        byte[] first = ReadBlock(driver, 0, block);
        byte[] data = new byte[2 * device.Info.BlockSize];
        Array.Fill(data, (byte)0xA5);

        foreach (BlockOperation operation in new[] { BlockOperation.Read, BlockOperation.Write, BlockOperation.Discard, BlockOperation.WriteZeroes, BlockOperation.WriteZeroesUnmap })
        {
            foreach (ulong sector in new[] { end - block, end, end + block, ulong.MaxValue - block + 1, (ulong.MaxValue / BlockDevice.SectorSize) + 1, 1ul << 63 })
            {
                BlockStatus status = driver.Execute(operation, sector, 2 * block, data);
                Assert.True(status is BlockStatus.IoError or BlockStatus.Unsupported, $"{operation} at {sector} ended with {status}");
                Assert.True(operation != BlockOperation.Read || status == BlockStatus.IoError);
            }
        }

        Assert.Equal(before, ReadBlock(driver, end - block, block));
        Assert.Equal(first, ReadBlock(driver, 0, block));
    }

    [SkippableFact]
    public void Parts_of_blocks_end_in_an_error_and_touch_nothing()
    {
        using BlockDevice device = CreateDevice();
        uint block = (uint)(device.Info.BlockSize / BlockDevice.SectorSize);
        if (block == 1)
        {
            return; // Every sector is a block.
        }

        using var driver = new QueueDriver(device, 8, Host);
        byte[] before = ReadBlock(driver, 0, block);
        byte[] data = new byte[BlockDevice.SectorSize * (block + 1)];
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 1, block, data));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 0, block + 1, data));
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Read, 0, block - 1, data));
        Assert.Equal(before, ReadBlock(driver, 0, block));
    }

    [SkippableFact]
    public void Nothing_is_allocated_per_request()
    {
        using BlockDevice device = CreateDevice();
        using var driver = new QueueDriver(device, 32, Host);
        uint block = (uint)(device.Info.BlockSize / BlockDevice.SectorSize);
        uint count = Math.Max(block, 8);
        BlockRequest[] batch = [.. Enumerable.Range(0, 32).Select(tag => driver.Prepare(tag, Steady(tag), tag == 31 ? 0 : (ulong)tag * count, tag == 31 ? 0 : count))];
        var completions = new BlockCompletion[32];

        // What the runtime allocates while it moves code to a higher tier is not ours: one clean round will do. A request that allocates spoils all of them.
        long least = long.MaxValue;
        for (int round = 0; round < 10 && least != 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            RunBatches(driver.Queue, batch, completions);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
    }

    /// <summary>Sectors that the tests use of a device.</summary>
    protected static int Sectors(BlockDevice device) => (int)Math.Min(device.Info.SectorCount, MostSectors);

    private static BlockOperation Steady(int tag) => tag == 31 ? BlockOperation.Flush : tag % 2 == 0 ? BlockOperation.Read : BlockOperation.Write;

    /// <summary>A bit more than 10,000 requests. Flushes are rare, as they take a disk milliseconds.</summary>
    private static void RunBatches(BlockQueue queue, BlockRequest[] batch, BlockCompletion[] completions)
    {
        for (int i = 0; i < 325; i++)
        {
            int left = i % 16 == 0 ? batch.Length : batch.Length - 1;
            queue.Submit(batch.AsSpan(0, left));
            long giveUp = Environment.TickCount64 + 30_000;
            while (left > 0)
            {
                int count = queue.Poll(completions);
                left -= count;
                bool maySleep = count == 0 && queue.Arm() == DoorbellWaiter.Forever;
                Assert.False(maySleep && (queue.Completions is null || Environment.TickCount64 > giveUp), "requests did not complete");
            }
        }
    }

    private static byte[] ReadBlock(QueueDriver driver, ulong sector, uint count)
    {
        byte[] data = new byte[count * BlockDevice.SectorSize];
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, sector, count, data));
        return data;
    }

    private void Finish(QueueDriver[] drivers, DiskModel model)
    {
        if (!StoresNothing)
        {
            model.CheckAll(drivers[0]);
        }

        Array.ForEach(drivers, d => d.Dispose());
    }
}
