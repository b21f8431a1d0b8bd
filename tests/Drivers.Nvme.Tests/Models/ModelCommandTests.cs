using System.Collections.Concurrent;
using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme.Tests.Models;

/// <summary>Every command on QEMU's controller, with the data looked at from the host's side of the image.</summary>
[Trait("Category", "Device")]
public sealed class ModelCommandTests
{
    [SkippableTheory]
    [InlineData(512)]
    [InlineData(4096)]
    public void Data_goes_to_the_image_and_comes_from_it(int blockSize)
    {
        using var bed = ModelBed.Start(blockSize);
        NvmeController controller = bed.Open();
        using NvmeNamespace disk = controller.OpenNamespace(1);
        Assert.Equal((blockSize, (ulong)ModelBed.DiskLength / 512), (disk.Info.BlockSize, disk.Info.SectorCount));
        Assert.Contains(512, disk.FormatBlockSizes);
        Assert.Contains(4096, disk.FormatBlockSizes);
        using QueueDriver driver = bed.OpenQueue(disk, 16);
        byte[] image = bed.ReadImage();
        var random = new Random(blockSize);
        foreach (int blocks in new[] { 1, 2, 3, 7, 8, 65536 / blockSize })
        {
            byte[] data = new byte[blocks * blockSize];
            random.NextBytes(data);
            int at = random.Next((ModelBed.DiskLength - data.Length) / blockSize) * blockSize;
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, (ulong)at / 512, (uint)data.Length / 512, data));
            data.CopyTo(image, at);
        }

        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        Assert.Equal(image, bed.ReadImage());

        byte[] other = new byte[ModelBed.DiskLength];
        random.NextBytes(other);
        bed.WriteImage(other);
        byte[] read = new byte[65536];
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 4096, 128, read));
        Assert.Equal(other.AsSpan(4096 * 512, 65536).ToArray(), read);
    }

    /// <summary>Up to where a queue of that number had its doorbell in memory says nothing of the next one.</summary>
    [SkippableFact]
    public void Queues_that_are_opened_one_after_the_other_each_start_anew()
    {
        using var bed = ModelBed.Start();
        using NvmeNamespace disk = bed.Open(new NvmeOptions { CommandTimeout = TimeSpan.FromSeconds(10) }).OpenNamespace(1);
        Assert.True(disk.Controller.Identity.SupportsShadowDoorbells);
        for (int requests = 40; requests > 0; requests -= 13)
        {
            using QueueDriver driver = bed.OpenQueue(disk, 16);
            for (int i = 0; i < requests; i++)
            {
                Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, (ulong)i, 1, new byte[512]));
            }
        }

        Assert.Equal(0, bed.Controller!.Resets);
    }

    [SkippableTheory]
    [InlineData(BlockOperation.WriteZeroes, 512)]
    [InlineData(BlockOperation.WriteZeroesUnmap, 512)]
    [InlineData(BlockOperation.Discard, 512)]
    [InlineData(BlockOperation.WriteZeroes, 4096)]
    [InlineData(BlockOperation.WriteZeroesUnmap, 4096)]
    [InlineData(BlockOperation.Discard, 4096)]
    public void Zeroes_and_discards_reach_the_image_and_nothing_around(BlockOperation operation, int blockSize)
    {
        using var bed = ModelBed.Start(blockSize);
        byte[] image = new byte[ModelBed.DiskLength];
        new Random(5).NextBytes(image);
        bed.WriteImage(image);
        using NvmeNamespace disk = bed.Open().OpenNamespace(1);
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        Assert.Equal(BlockStatus.Ok, driver.Execute(operation, 128, 4096 + 8));
        byte[] now = bed.ReadImage();
        image.AsSpan(128 * 512, (4096 + 8) * 512).Clear();
        Assert.Equal(image, now);
    }

    [SkippableTheory]
    [InlineData(512)]
    [InlineData(4096)]
    public void Compare_is_done_by_the_controller(int blockSize)
    {
        using var bed = ModelBed.Start(blockSize);
        byte[] image = new byte[ModelBed.DiskLength];
        new Random(6).NextBytes(image);
        bed.WriteImage(image);
        using NvmeNamespace disk = bed.Open().OpenNamespace(1);
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        var queue = (NvmeQueue)driver.Queue;
        foreach (bool isEqual in new[] { true, false })
        {
            byte[] data = image.AsSpan(64 * 512, 4096).ToArray();
            data[^1] ^= (byte)(isEqual ? 0 : 1);
            BlockRequest request = driver.Prepare(1, BlockOperation.Write, 64, 8);
            driver.SetData(1, data);
            queue.SubmitCompare(request);
            var completions = new BlockCompletion[1];
            Simulated.SimulatedBed.Eventually(() => queue.Poll(completions) == 1, "no completion");
            Assert.Equal(new BlockCompletion(1, isEqual ? BlockStatus.Ok : BlockStatus.IoError), completions[0]);
            Assert.Equal(isEqual ? 0 : NvmeStatus.CompareFailure.Code, queue.StatusOf(1).Code);
        }

        Assert.Equal(image, bed.ReadImage());
    }

    [SkippableFact]
    public void Namespaces_of_several_formats_are_served_side_by_side()
    {
        string[] uuids = ["a3f0a4b2-0001-4c6e-9d5e-1c1f60a0c001", "a3f0a4b2-0001-4c6e-9d5e-1c1f60a0c002", ""];
        using var bed = ModelBed.StartMany(Format(512) + $",uuid={uuids[0]}", Format(4096) + $",uuid={uuids[1]}", Format(512));
        NvmeController controller = bed.Open();
        Assert.Equal([1u, 2u, 3u], controller.Namespaces);
        NvmeNamespace[] disks = [.. controller.Namespaces.Select(controller.OpenNamespace)];
        Assert.Equal([512, 4096, 512], disks.Select(d => d.Info.BlockSize));
        Assert.Equal(uuids, disks.Select(d => d.Identifier));
        QueueDriver[] drivers = [.. disks.Select(d => bed.OpenQueue(d, 32))];
        DiskModel[] models = [.. drivers.Select(d => new DiskModel(d, 2048))];
        RandomLoad[] loads = [.. disks.Select((d, i) => new RandomLoad(d, drivers[i], models[i], i))];
        for (int i = 0; i < 200; i++)
        {
            loads[i % 3].SubmitBatch();
            loads[(i + 1) % 3].Reap(8);
        }

        for (int i = 0; i < 3; i++)
        {
            drivers[i].Drain(loads[i].Complete);
            models[i].CheckAll(drivers[i]);
            bed.CheckImage(models[i], i + 1);
            drivers[i].Dispose();
        }
    }

    /// <summary>Data in memory that was given to the device: nothing is copied.</summary>
    [SkippableTheory]
    [InlineData(BlockOperation.Read, 1024, 4096, 512)]
    [InlineData(BlockOperation.Write, 1024, 4096, 512)]
    [InlineData(BlockOperation.Read, 1024, 8192, 4096)]
    [InlineData(BlockOperation.Write, 1024, 8192, 4096)]
    [InlineData(BlockOperation.Read, 64, 65536, 512)]
    [InlineData(BlockOperation.Write, 64, 65536, 4096)]
    [InlineData(BlockOperation.Read, 4, 3 << 20, 512)]
    [InlineData(BlockOperation.Write, 4, 3 << 20, 512)]
    public void Depths_and_sizes_up_to_the_largest_go_without_a_copy(BlockOperation operation, int depth, int length, int blockSize)
    {
        using var bed = ModelBed.Start(blockSize);
        byte[] image = new byte[ModelBed.DiskLength];
        new Random(depth).NextBytes(image);
        bed.WriteImage(image);
        using NvmeNamespace disk = bed.Open().OpenNamespace(1);
        using var queue = (NvmeQueue)disk.OpenQueue(depth);
        using DmaMemory memory = bed.Function.Dma.Allocate(((ulong)depth * (ulong)length) + 4096);
        new Random(length).NextBytes(memory.Slice(0, (int)memory.Length).AsSpan());
        using var segments = new NativeArray<MemorySegment>(depth);
        var requests = new BlockRequest[depth];
        for (int i = 0; i < depth; i++)
        {
            // Every other one does not start at a page. Those that are written do not overlap.
            int at = i * length;
            segments[i] = memory.Slice((ulong)at + (i % 2 == 0 ? 0ul : 512), length - (i % 2 == 0 ? 0 : blockSize));
            uint sectors = (uint)segments[i].Length / 512;
            requests[i] = new BlockRequest { Tag = i, Operation = operation, Sector = (ulong)at / 512, SectorCount = sectors, Data = ScatterList.Of(segments, i, 1) };
        }

        queue.Submit(requests);
        var completions = new BlockCompletion[depth];
        int done = 0;
        Simulated.SimulatedBed.Eventually(() => (done += Take(queue, completions)) == depth, "requests did not complete");
        byte[] now = bed.ReadImage();
        for (int i = 0; i < depth; i++)
        {
            int at = (int)requests[i].Sector * 512;
            Assert.True(segments[i].AsSpan().SequenceEqual(now.AsSpan(at, segments[i].Length)), $"request {i}");
            segments[i].AsSpan().CopyTo(image.AsSpan(at));
        }

        Assert.Equal(image, now);
        Assert.Equal(0, queue.Statistics.BouncedBytes);
        Assert.True(queue.Statistics.DoorbellWrites < depth, $"{queue.Statistics.DoorbellWrites} doorbell writes");
    }

    [SkippableFact]
    public void Health_errors_firmware_and_cache_are_read()
    {
        using var bed = ModelBed.Start();
        NvmeController controller = bed.Open();
        Assert.Equal("S1", controller.Identity.SerialNumber);
        Assert.Equal("QEMU NVMe Ctrl", controller.Identity.ModelNumber);
        NvmeHealth health = controller.ReadHealth();
        Assert.Equal((NvmeWarnings.None, 323, 0), (health.Warnings, health.Temperature, health.PercentageUsed));
        Assert.Empty(controller.ReadErrors());
        Assert.Equal("1.0", controller.ReadFirmware().Revisions[0]);
        using NvmeNamespace disk = controller.OpenNamespace(1);
        Assert.Equal(new BlockLifetime(1, 1, 1), disk.Info.Lifetime);
        Assert.True(controller.ReadWriteCache());
        controller.SetWriteCache(false);
        Assert.False(controller.ReadWriteCache());
        controller.Reset();
        Assert.False(controller.ReadWriteCache());
    }

    [SkippableFact]
    public void Events_of_health_are_told()
    {
        using var bed = ModelBed.Start();
        NvmeController controller = bed.Open();
        var told = new ConcurrentQueue<NvmeEvent>();
        controller.EventReported += told.Enqueue;
        for (int i = 1; i <= 3; i++)
        {
            bed.Machine.Monitor.Execute("qom-set", new() { ["path"] = "/machine/peripheral/nvme", ["property"] = "smart_critical_warning", ["value"] = 0 });
            bed.Machine.Monitor.Execute("qom-set", new() { ["path"] = "/machine/peripheral/nvme", ["property"] = "smart_critical_warning", ["value"] = 4 });
            Simulated.SimulatedBed.Eventually(() => told.Count == i, "the event was not told");
        }

        Assert.All(told, e => Assert.Equal(NvmeEventKind.Health, e.Kind));
        Assert.Equal(NvmeWarnings.Unreliable, controller.LastHealth!.Warnings);
    }

    /// <summary>Somebody writes a doorbell that there is no queue for: the controller says so, again and again, and goes on.</summary>
    [SkippableFact]
    public void Events_of_errors_are_told()
    {
        using var bed = ModelBed.Start();
        NvmeController controller = bed.Open();
        var told = new ConcurrentQueue<NvmeEvent>();
        controller.EventReported += told.Enqueue;
        using NvmeNamespace disk = controller.OpenNamespace(1);
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        RegisterSpace registers = bed.Function.MapBar(0);
        for (int i = 1; i <= 3; i++)
        {
            registers.WriteUInt32(0x1000 + (8 * 20), 1);
            Simulated.SimulatedBed.Eventually(() => told.Count == i, "the event was not told");
        }

        Assert.All(told, e => Assert.Equal(new NvmeEvent(NvmeEventKind.Error, 0, 1), e));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 0, 8, new byte[4096]));
        Assert.Equal(0, controller.Resets);
    }

    [SkippableFact]
    public void A_format_with_metadata_is_refused()
    {
        using var bed = ModelBed.StartMany("ms=8", "ms=8,mset=1", Format(512));
        NvmeController controller = bed.Open();
        foreach (uint id in new[] { 1u, 2u })
        {
            NvmeException e = Assert.Throws<NvmeException>(() => controller.OpenNamespace(id));
            Assert.Equal(NvmeFault.Unsupported, e.Fault);
            Assert.Contains("8 bytes of metadata", e.Message, StringComparison.Ordinal);
        }

        Assert.True(controller.OpenNamespace(3).IsUsable);
    }

    /// <summary>Pieces of any length at any address, in memory that was given to the device: lists name them, and nothing is copied.</summary>
    [SkippableFact]
    public void Pieces_that_pages_cannot_name_are_named_by_lists()
    {
        using var bed = ModelBed.Start();
        byte[] image = new byte[ModelBed.DiskLength];
        new Random(12).NextBytes(image);
        bed.WriteImage(image);
        using NvmeNamespace disk = bed.Open().OpenNamespace(1);
        Assert.Equal(1, disk.Controller.Identity.SglAlignment);
        using var queue = (NvmeQueue)disk.OpenQueue(1);
        using DmaMemory memory = bed.Function.Dma.Allocate(1 << 20);
        using var segments = new NativeArray<MemorySegment>(300);
        var random = new Random(13);
        var completions = new BlockCompletion[1];
        foreach (BlockOperation operation in new[] { BlockOperation.Read, BlockOperation.Write })
        {
            // More pieces than one command's list has room for.
            int count = 0;
            int left = 65536;
            for (ulong at = 1; left > 0; count++)
            {
                int length = count == 299 ? left : Math.Min(left, random.Next(1, 500));
                segments[count] = memory.Slice(at, length);
                at += (ulong)(length + random.Next(1, 1000));
                left -= length;
            }

            queue.Submit([new BlockRequest { Operation = operation, Sector = operation == BlockOperation.Read ? 100ul : 20000, SectorCount = 128, Data = ScatterList.Of(segments, 0, count) }]);
            Simulated.SimulatedBed.Eventually(() => Take(queue, completions) == 1, "no completion");
            byte[] data = [.. segments.AsSpan(0, count).ToArray().SelectMany(s => s.AsSpan().ToArray())];
            byte[] stored = (operation == BlockOperation.Read ? image.AsSpan(100 * 512, 65536) : bed.ReadImage().AsSpan(20000 * 512, 65536)).ToArray();
            Assert.Equal(stored, data);
        }

        Assert.Equal(0, queue.Statistics.BouncedBytes);
    }

    private static string Format(int blockSize) => $"logical_block_size={blockSize},physical_block_size={blockSize}";

    private static int Take(NvmeQueue queue, BlockCompletion[] completions)
    {
        int count = queue.Poll(completions);
        Assert.All(completions[..count], c => Assert.Equal(BlockStatus.Ok, c.Status));
        return count;
    }
}
