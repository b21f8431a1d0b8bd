using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme.Tests.Simulated;

/// <summary>What commands the driver makes of requests, and what it makes of their status.</summary>
public sealed class CommandTests
{
    [Fact]
    public void Flushes_reach_a_controller_with_a_cache_and_no_other()
    {
        using var bed = new SimulatedBed();
        using QueueDriver driver = bed.OpenQueue(bed.Open(), 4);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        Assert.Equal(1, bed.Model.Done[0]);

        using var through = new SimulatedBed();
        through.Model.DescribeController = d => d[525] = 0;
        NvmeNamespace disk = through.Open();
        Assert.False(disk.Info.HasVolatileCache);
        using QueueDriver other = through.OpenQueue(disk, 4);
        Assert.Equal(BlockStatus.Ok, other.Execute(BlockOperation.Flush, 0, 0));
        Assert.False(through.Model.Done.ContainsKey(0));
    }

    [Theory]
    [InlineData(BlockOperation.WriteZeroes, 0x9, false)]
    [InlineData(BlockOperation.WriteZeroesUnmap, 0x9, true)]
    [InlineData(BlockOperation.WriteZeroesUnmap, 0x1, false)]
    [InlineData(BlockOperation.WriteZeroesUnmap, 0x8, false)]
    public void Zeroes_are_deallocated_blocks_only_where_those_read_as_zeroes(BlockOperation operation, byte dlfeat, bool deallocates)
    {
        using var bed = new SimulatedBed();
        bed.Model.Disks[0].Describe = d => d[33] = dlfeat;
        bed.Model.Disks[0].Bytes.AsSpan().Fill(7);
        using QueueDriver driver = bed.OpenQueue(bed.Open(), 4);
        Assert.Equal(BlockStatus.Ok, driver.Execute(operation, 8, 8));
        Assert.Equal(deallocates, (bed.Model.LastZeroes & (1 << 25)) != 0);
        Assert.Equal(8 * 512, bed.Model.Disks[0].Bytes.Count(b => b == 0));
    }

    [Fact]
    public void Operations_without_a_command_are_unsupported()
    {
        using var bed = new SimulatedBed();
        bed.Model.OptionalCommands = 0;
        NvmeNamespace disk = bed.Open();
        Assert.Equal(0, disk.Info.DiscardGranularity);
        Assert.False(disk.Info.SupportsWriteZeroes);
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        foreach (BlockOperation operation in new[] { BlockOperation.Discard, BlockOperation.WriteZeroes, BlockOperation.WriteZeroesUnmap, BlockOperation.SecureErase, (BlockOperation)99 })
        {
            Assert.Equal(BlockStatus.Unsupported, driver.Execute(operation, 0, 1));
        }
    }

    [Fact]
    public void A_namespace_that_cannot_be_written_is_not()
    {
        using var bed = new SimulatedBed();
        bed.Model.Disks[0].IsReadOnly = true;
        NvmeNamespace disk = bed.Open();
        Assert.True(disk.Info.IsReadOnly);
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 0, 1, new byte[512]));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 0, 1, new byte[512]));
        Assert.False(bed.Model.Done.ContainsKey(1));
    }

    [Fact]
    public void Compare_tells_equal_from_different()
    {
        using var bed = new SimulatedBed();
        using QueueDriver driver = bed.OpenQueue(bed.Open(), 4);
        var queue = (NvmeQueue)driver.Queue;
        byte[] data = new byte[1024];
        new Random(1).NextBytes(data);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 2, 2, data));
        foreach (bool isEqual in new[] { true, false })
        {
            data[1000] ^= (byte)(isEqual ? 0 : 1);
            BlockRequest request = driver.Prepare(0, BlockOperation.Write, 2, 2);
            driver.SetData(0, data);
            queue.SubmitCompare(request);
            var completions = new BlockCompletion[1];
            SimulatedBed.Eventually(() => queue.Poll(completions) == 1, "no completion");
            Assert.Equal(isEqual ? BlockStatus.Ok : BlockStatus.IoError, completions[0].Status);
            Assert.Equal(isEqual ? NvmeStatus.Success : NvmeStatus.CompareFailure, queue.StatusOf(0));
        }

        Assert.Equal(2, bed.Model.Done[5]);
    }

    [Theory]
    [InlineData(0x281, 4)]
    [InlineData(0x4281, 1)]
    [InlineData(0x002, 1)]
    [InlineData(0x082, 4)]
    public void Errors_that_may_pass_are_tried_again_and_told_in_the_end(int status, int attempts)
    {
        using var bed = new SimulatedBed();
        using QueueDriver driver = bed.OpenQueue(bed.Open(), 4);
        int seen = 0;
        bed.Model.StatusOf = io => io.Block == 5 && ++seen > 0 ? status : 0;
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Read, 5, 1, new byte[512]));
        Assert.Equal(attempts, seen);
        Assert.Equal(status & 0x7ff, ((NvmeQueue)driver.Queue).StatusOf(0).Code);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 6, 1, new byte[512]));
    }

    [Fact]
    public void An_error_that_passes_is_not_seen()
    {
        using var bed = new SimulatedBed();
        using QueueDriver driver = bed.OpenQueue(bed.Open(), 4);
        int seen = 0;
        bed.Model.StatusOf = _ => ++seen < 3 ? 0x280 : 0;
        byte[] data = [.. Enumerable.Repeat((byte)9, 512)];
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 1, 1, data));
        Assert.Equal(data, bed.Model.Disks[0].Bytes.AsSpan(512, 512).ToArray());
        Assert.Equal(NvmeStatus.Success, ((NvmeQueue)driver.Queue).StatusOf(0));
    }

    [Fact]
    public void A_part_that_fails_fails_the_request()
    {
        using var bed = new SimulatedBed();
        bed.Model.MaxTransferShift = 1;
        using QueueDriver driver = bed.OpenQueue(bed.Open(), 4);
        bed.Model.StatusOf = io => io.Block == 32 ? 0x4280 : 0;
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 0, 128, new byte[65536]));
        Assert.Equal(NvmeStatus.WriteFault.Code, ((NvmeQueue)driver.Queue).StatusOf(0).Code);
    }

    [Fact]
    public void Health_errors_and_firmware_are_read()
    {
        using var bed = new SimulatedBed();
        bed.Model.ReadLog = page =>
        {
            byte[] log = new byte[512];
            switch (page)
            {
                case 1:
                    log[0] = 3;
                    log[8] = 2;
                    log[12] = 0x02;
                    log[13] = 0x05;
                    log[24] = 1;
                    break;
                case 2:
                    log[0] = 1;
                    log[1] = 0x2c;
                    log[2] = 0x01;
                    log[5] = 85;
                    log[64] = 77;
                    log[80 + 8] = 1;
                    break;
                case 3:
                    log[0] = 0x21;
                    "ABCDEFGH"u8.CopyTo(log.AsSpan(8));
                    break;
            }

            return log;
        };
        NvmeNamespace disk = bed.Open();
        NvmeHealth health = bed.Controller.ReadHealth();
        Assert.Equal((NvmeWarnings.SpareIsLow, 300, 85, 77ul, ulong.MaxValue), (health.Warnings, health.Temperature, health.PercentageUsed, health.ReadCommands, health.WriteCommands));
        Assert.Equal(new BlockLifetime(3, 9, 9), disk.Info.Lifetime);
        NvmeErrorEntry error = Assert.Single(bed.Controller.ReadErrors());
        Assert.Equal((3ul, (ushort)2, 0x281, 1u), (error.Number, error.Queue, error.Status.Code, error.NamespaceId));
        NvmeFirmware firmware = bed.Controller.ReadFirmware();
        Assert.Equal((1, 2, "ABCDEFGH", ""), (firmware.ActiveSlot, firmware.NextSlot, firmware.Revisions[0], firmware.Revisions[1]));
    }

    [Fact]
    public void Events_are_told_and_asked_for_again()
    {
        using var bed = new SimulatedBed();
        bed.Open();
        int told = 0;
        bed.Controller.EventReported += e => told += e is { Kind: NvmeEventKind.Health, Log: 2 } ? 1 : 100;
        for (int i = 1; i <= 10; i++)
        {
            SimulatedBed.Eventually(() => bed.Model.Report(1, 1, 2), "no event is asked for");
            SimulatedBed.Eventually(() => Volatile.Read(ref told) == i, "the event was not told");
        }
    }

    [Fact]
    public void A_namespace_that_grows_is_seen_and_one_in_another_format_is_lost()
    {
        using var bed = new SimulatedBed();
        NvmeNamespace disk = bed.Open();
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        int changes = 0;
        disk.InfoChanged += () => Interlocked.Increment(ref changes);
        ulong before = disk.Info.SectorCount;
        bed.Model.Disks[0].Describe = d => d[0] = 1;
        Assert.True(bed.Model.Report(2, 0, 4));
        SimulatedBed.Eventually(() => Volatile.Read(ref changes) == 1, "no change was told");
        Assert.Equal(before + 1, disk.Info.SectorCount);

        bed.Model.Disks[0].Describe = d => d[134] = 12;
        SimulatedBed.Eventually(() => bed.Model.Report(2, 0, 4), "no event is asked for");
        SimulatedBed.Eventually(() => !disk.IsUsable, "the format was not seen");
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 0, 1, new byte[512]));
        Assert.Throws<NvmeException>(() => disk.OpenQueue(1));
    }

    /// <summary>What the queue before it left in the doorbells' memory says nothing.</summary>
    [Fact]
    public void A_queue_that_is_opened_again_starts_its_doorbells_anew()
    {
        using var bed = new SimulatedBed();
        bed.Model.HasShadowDoorbells = true;
        NvmeNamespace disk = bed.Open(new NvmeOptions { WatchInterval = TimeSpan.FromHours(1) });
        for (int opened = 0; opened < 4; opened++)
        {
            using QueueDriver driver = bed.OpenQueue(disk, 4);
            for (int i = 0; i < 10; i++)
            {
                driver.Submit(driver.Prepare(0, BlockOperation.Flush, 0, 0));
                Assert.Equal(1, driver.Poll(new BlockCompletion[4]));
            }
        }
    }

    [Fact]
    public void A_doorbell_is_written_once_a_batch()
    {
        using var bed = new SimulatedBed();
        using QueueDriver driver = bed.OpenQueue(bed.Open(), 64);
        driver.Submit([.. Enumerable.Range(0, 64).Select(t => driver.Prepare(t, BlockOperation.Flush, 0, 0))]);
        Assert.Equal(1, bed.Model.SubmissionDoorbells);
        var completions = new BlockCompletion[64];
        int count = driver.Poll(completions);
        Assert.Equal(64, count);
        Assert.Equal(1, bed.Model.CompletionDoorbells);
    }
}
