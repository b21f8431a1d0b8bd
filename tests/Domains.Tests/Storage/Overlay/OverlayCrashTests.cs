using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>What is left of an overlay after its component was killed, and after a power cut.</summary>
public sealed class OverlayCrashTests
{
    private const int Sectors = 1024 + 3;
    private ulong _stamp = 1 << 20;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void After_a_power_cut_every_sector_is_as_flushed_or_as_written_since(int seed)
    {
        var random = new Random(seed);
        var model = new CrashModel(Sectors, s => (ulong)s);
        byte[] image = new byte[(int)OverlayDevice.StorageLength(Sectors * 512)];
        int survived = 0;
        for (int life = 0; life < 12; life++)
        {
            var storage = new PowerCutDevice(image);
            OverlayDevice device = OverlayDevice.Open(Base(), storage, OverlayMode.Kept, NoHost.Instance);
            byte[] contents = ReadAll(device);
            survived += contents.Chunk(512).Where((c, s) => BitConverter.ToUInt64(c) != (ulong)s).Count();
            model.Crash(contents);
            Load(device, model, random, random.Next(20, 200), settlesAtOnce: false);
            image = storage.Cut(random);
        }

        Assert.True(survived > 0);
    }

    [Theory]
    [InlineData(OverlayMode.Volatile, 1)]
    [InlineData(OverlayMode.Volatile, 2)]
    [InlineData(OverlayMode.Kept, 3)]
    [InlineData(OverlayMode.Kept, 4)]
    public void After_the_component_was_killed_everything_that_completed_is_there(OverlayMode mode, int seed)
    {
        var random = new Random(seed);
        var model = new CrashModel(Sectors, s => (ulong)s);
        var image = new LastingMemory((int)OverlayDevice.StorageLength(Sectors * 512));
        var map = new LastingMemory((int)OverlayDevice.MapLength(Sectors * 512));
        for (int life = 0; life < 12; life++)
        {
            // Killed: what was under way is forgotten, and nothing is flushed or disposed.
            OverlayDevice device = OverlayDevice.Open(Base(), new FaultyDevice(new MemoryDevice(image), life), mode, NoHost.Instance, map);
            model.Crash(ReadAll(device));
            Load(device, model, random, random.Next(20, 200), settlesAtOnce: true);
        }

        if (mode == OverlayMode.Kept)
        {
            // A flush after the last life brings over what earlier ones left, so that a machine that starts anew has it all.
            var last = OverlayDevice.Open(Base(), new MemoryDevice(image), mode, NoHost.Instance, map);
            model.Crash(ReadAll(last));
            Assert.Equal(BlockStatus.Ok, new QueueDriver(last, 1).Execute(BlockOperation.Flush, 0, 0));
            model.Crash(ReadAll(OverlayDevice.Open(Base(), new MemoryDevice(image), mode, NoHost.Instance)));
        }
    }

    [Fact]
    public void What_was_not_flushed_of_a_kept_overlay_is_the_bases_after_a_power_cut()
    {
        byte[] image = new byte[(int)OverlayDevice.StorageLength(Sectors * 512)];
        var storage = new PowerCutDevice(image);
        OverlayDevice device = OverlayDevice.Open(Base(), storage, OverlayMode.Kept, NoHost.Instance);
        using var driver = new QueueDriver(device, 1);
        driver.Execute(BlockOperation.Write, 8, 8, Overlays.Filled(1, 8));
        driver.Execute(BlockOperation.Flush, 0, 0);
        driver.Execute(BlockOperation.Write, 16, 8, Overlays.Filled(2, 8));

        using OverlayDevice after = OverlayDevice.Open(Base(), Disks.Of(storage.Cut(new Random(1))), OverlayMode.Kept, NoHost.Instance);
        Assert.Equal(Overlays.Filled(1, 8), Disks.Read(after, 8, 8));
        Assert.Equal(CrashModel.Contents(16), Disks.Read(after, 16, 1));
    }

    [Fact]
    public void A_flush_brings_over_what_the_component_before_left()
    {
        var image = new LastingMemory((int)OverlayDevice.StorageLength(Sectors * 512));
        var map = new LastingMemory((int)OverlayDevice.MapLength(Sectors * 512));
        OverlayDevice killed = OverlayDevice.Open(Base(), new MemoryDevice(image), OverlayMode.Kept, NoHost.Instance, map);
        new QueueDriver(killed, 1).Execute(BlockOperation.Write, 8, 8, Overlays.Filled(1, 8));

        OverlayDevice next = OverlayDevice.Open(Base(), new MemoryDevice(image), OverlayMode.Kept, NoHost.Instance, map);
        Assert.Equal(BlockStatus.Ok, new QueueDriver(next, 1).Execute(BlockOperation.Flush, 0, 0));
        using OverlayDevice after = OverlayDevice.Open(Base(), new MemoryDevice(image), OverlayMode.Kept, NoHost.Instance);
        Assert.Equal(Overlays.Filled(1, 8), Disks.Read(after, 8, 8));
    }

    [Fact]
    public void A_flush_that_fails_says_so_and_the_next_one_brings_the_map_over()
    {
        byte[] image = new byte[(int)OverlayDevice.StorageLength(Sectors * 512)];
        var memory = new LastingMemory(image.Length);
        var storage = new FaultyDevice(new MemoryDevice(memory), 1);
        OverlayDevice device = OverlayDevice.Open(Base(), storage, OverlayMode.Kept, NoHost.Instance);
        using var driver = new QueueDriver(device, 4);
        driver.Execute(BlockOperation.Write, 8, 8, Overlays.Filled(1, 8));

        int flushes = 0;
        foreach (Func<BlockRequest, bool> fails in new Func<BlockRequest, bool>[]
        {
            r => r.Operation == BlockOperation.Flush,
            r => r.Operation == BlockOperation.Write,
            r => r.Operation == BlockOperation.Flush && flushes++ == 1,
        })
        {
            storage.Fails = fails;
            Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Flush, 0, 0));
        }

        storage.Fails = _ => false;
        storage.Seen.Clear();
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        Assert.Equal([BlockOperation.Flush, BlockOperation.Write, BlockOperation.Flush], storage.Seen.Select(r => r.Operation));
        using OverlayDevice after = OverlayDevice.Open(Base(), new MemoryDevice(memory), OverlayMode.Kept, NoHost.Instance);
        Assert.Equal(Overlays.Filled(1, 8), Disks.Read(after, 8, 8));

        // With the map up to date a flush is one flush.
        storage.Seen.Clear();
        driver.Execute(BlockOperation.Write, 8, 8, Overlays.Filled(2, 8));
        driver.Execute(BlockOperation.Flush, 0, 0);
        Assert.Equal([BlockOperation.Write, BlockOperation.Flush], storage.Seen.Select(r => r.Operation));
    }

    [Fact]
    public void A_flush_during_another_queues_commit_waits_for_it()
    {
        bool hold = false;
        var storage = new FaultyDevice(new MemoryDevice((int)OverlayDevice.StorageLength(Sectors * 512)), 1);
        OverlayDevice device = OverlayDevice.Open(Base(), storage, OverlayMode.Kept, NoHost.Instance);
        storage.Holds = r => hold && r.Operation == BlockOperation.Flush && r.Tag >= 4;
        using var one = new QueueDriver(device, 4);
        using var other = new QueueDriver(device, 4);
        other.Execute(BlockOperation.Write, 8, 8, Overlays.Filled(1, 8));

        // The first queue's commit takes the page over; its map is not written yet, so the other's flush must not pass.
        hold = true;
        one.Submit(one.Prepare(0, BlockOperation.Flush, 0, 0));
        other.Submit(other.Prepare(0, BlockOperation.Flush, 0, 0), other.Prepare(1, BlockOperation.Flush, 0, 0));
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(0, one.Poll(new BlockCompletion[4]) + other.Poll(new BlockCompletion[4]));
        }

        hold = false;
        one.Drain(c => Assert.Equal(BlockStatus.Ok, c.Status));
        other.Drain(c => Assert.Equal(BlockStatus.Ok, c.Status));
    }

    private static MemoryDevice Base() => Disks.Of([.. Enumerable.Range(0, Sectors).SelectMany(s => CrashModel.Contents((ulong)s))]);

    private static byte[] ReadAll(OverlayDevice device) => Disks.Read(device, 0, Sectors);

    /// <summary>Random writes, zeroing and flushes on two queues, ended in the middle.</summary>
    private void Load(OverlayDevice device, CrashModel model, Random random, int steps, bool settlesAtOnce)
    {
        QueueDriver[] drivers = [new(device, 16), new(device, 16)];
        var submitted = new long[2, 16];
        var completions = new BlockCompletion[16];
        for (int step = 0; step < steps; step++)
        {
            int queue = random.Next(2);
            QueueDriver driver = drivers[queue];
            int tag = driver.FreeTag();
            if (tag >= 0 && Make(driver, tag, model, random) is { } request)
            {
                submitted[queue, tag] = model.Now;
                driver.Submit(request);
            }

            int count = driver.Poll(completions);
            foreach (BlockCompletion completion in completions.AsSpan(0, count))
            {
                Assert.Equal(BlockStatus.Ok, completion.Status);
                BlockRequest done = driver.RequestOf(completion.Tag);
                model.Complete((int)done.Sector, (int)done.SectorCount);
                if (settlesAtOnce || done.Operation == BlockOperation.Flush)
                {
                    model.Settle(settlesAtOnce ? model.Now : submitted[queue, completion.Tag]);
                }
            }
        }
    }

    private BlockRequest? Make(QueueDriver driver, int tag, CrashModel model, Random random)
    {
        if (random.Next(6) == 0)
        {
            return driver.Prepare(tag, BlockOperation.Flush, 0, 0);
        }

        int count = random.Next(1, random.Next(2) == 0 ? 9 : 65);
        int sector = random.Next(2) == 0 ? random.Next(0, 32) : random.Next(0, Sectors - count);
        bool zero = random.Next(5) == 0;
        ulong stamp = zero ? 0 : _stamp++;
        if (!model.TryBegin(sector, count, stamp))
        {
            return null;
        }

        BlockRequest request = driver.Prepare(tag, zero ? BlockOperation.WriteZeroesUnmap : BlockOperation.Write, (ulong)sector, (uint)count, random);
        driver.SetData(tag, [.. Enumerable.Repeat(CrashModel.Contents(stamp), count).SelectMany(c => c)]);
        return request;
    }
}
