using System.Diagnostics;
using System.Text.Json.Nodes;
using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme.Tests.Models;

/// <summary>Faults of QEMU's controller and of the disk behind it: each ends in a typed error or a clean retry, never in a hang or a lost write.</summary>
[Trait("Category", "Device")]
public sealed class ModelFaultTests
{
    /// <summary>Longer than a test takes where the host is busy.</summary>
    private static readonly TimeSpan _never = TimeSpan.FromMinutes(5);

    private static readonly NvmeOptions _impatient = new()
    {
        CommandTimeout = TimeSpan.FromMilliseconds(300),
        AdminTimeout = TimeSpan.FromMilliseconds(500),
        WatchInterval = TimeSpan.FromMilliseconds(50),
        LostInterruptInterval = TimeSpan.FromMilliseconds(100),
        MaxResets = 50,
    };

    [SkippableFact]
    public void Errors_of_the_disk_are_told_and_what_passes_is_not()
    {
        using var bed = ModelBed.StartOver(file => $$"""
            {"driver":"blkdebug","node-name":"debug","image":{{file}},"inject-error":[
            {"event":"none","iotype":"read","errno":5,"sector":80,"once":false},
            {"event":"none","iotype":"write","errno":5,"sector":160,"once":false},
            {"event":"none","iotype":"write","errno":5,"sector":240,"once":true},
            {"event":"none","iotype":"flush","errno":5,"once":true}]}
            """);
        using NvmeNamespace disk = bed.Open().OpenNamespace(1);
        using QueueDriver driver = bed.OpenQueue(disk, 8);
        var queue = (NvmeQueue)driver.Queue;
        byte[] data = [.. Enumerable.Repeat((byte)0x77, 4096)];

        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Read, 80, 8, new byte[4096]));
        Assert.Equal(NvmeStatus.UnrecoveredRead.Code, queue.StatusOf(0).Code);
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 160, 8, data));
        Assert.Equal(NvmeStatus.WriteFault.Code, queue.StatusOf(0).Code);
        long retries = queue.Statistics.Retries;
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 240, 8, data));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        Assert.Equal(retries + 2, queue.Statistics.Retries);
        Assert.Equal(data, bed.ReadImage().AsSpan(240 * 512, 4096).ToArray());
        Assert.Equal(0, bed.Controller!.Resets);
    }

    [SkippableFact]
    public void Fatal_status_leads_to_a_reset_and_no_write_is_lost()
    {
        using var bed = ModelBed.Start();
        using NvmeNamespace disk = bed.Open(_impatient with { UseShadowDoorbells = false, CommandTimeout = _never, AdminTimeout = _never }).OpenNamespace(1);
        using QueueDriver driver = bed.OpenQueue(disk, 32);
        var model = new DiskModel(driver, 2048);
        var load = new RandomLoad(disk, driver, model, 3);
        for (int i = 1; i <= 3; i++)
        {
            Load(load, driver, 20);

            // The controller cannot read its queue any more, and says so (CSTS.CFS).
            bed.Function.SetBusMaster(false);
            Load(load, driver, 2);
            Load(load, driver, 20);
            Assert.Equal(i, bed.Controller!.Resets);
        }

        driver.Drain(load.Complete);
        model.CheckAll(driver);
        bed.CheckImage(model);
        Assert.Null(bed.Controller!.Failure);
    }

    [SkippableFact]
    public void Lost_interrupts_cost_time_alone()
    {
        using var bed = ModelBed.Start();
        using NvmeNamespace disk = bed.Open(_impatient with { CommandTimeout = _never, AdminTimeout = _never }).OpenNamespace(1);
        using QueueDriver driver = bed.OpenQueue(disk, 8);
        Assert.NotNull(driver.Queue.Completions);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 0, 8, new byte[4096]));
        long before = ((NvmeQueue)driver.Queue).Statistics.LateInterrupts;

        // All vectors masked behind the driver's back (MSI-X message control, function mask).
        int control = bed.Function.FindCapability(PciCapabilityId.MsiX) + 2;
        uint address = 0x8000_0000u | ((uint)bed.Function.Address.RequesterId << 8) | (uint)(control & ~3);
        bed.Machine.Ports.WriteUInt32(0xcf8, address);
        bed.Machine.Ports.WriteUInt32(0xcfc, bed.Machine.Ports.ReadUInt32(0xcfc) | (1u << 30));
        // Where the host is busy, the controller may be through with a command before anybody sleeps.
        for (int i = 0; i < 100 && ((NvmeQueue)driver.Queue).Statistics.LateInterrupts < before + 3; i++)
        {
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 0, 8, new byte[4096]));
        }

        Assert.Equal(before + 3, ((NvmeQueue)driver.Queue).Statistics.LateInterrupts);
        Assert.Equal(0, bed.Controller!.Resets);
    }

    /// <summary>A disk that does one write a second for a while: commands are late, are not aborted by this model, and are done again after a reset.</summary>
    [SkippableFact]
    public void Late_commands_are_done_again_after_a_reset()
    {
        using var bed = ModelBed.StartOver(
            file => $$"""{"driver":"throttle","node-name":"throttle","throttle-group":"slow","file":{{file}}}""",
            "-object", """{"qom-type":"throttle-group","id":"slow","x-iops-write":1}""");
        using NvmeNamespace disk = bed.Open(_impatient with { MaxRetries = 30 }).OpenNamespace(1);
        using QueueDriver driver = bed.OpenQueue(disk, 8);
        byte[] data = new byte[8 * 4096];
        new Random(9).NextBytes(data);
        BlockRequest[] requests = [.. Enumerable.Range(0, 8).Select(t => driver.Prepare(t, BlockOperation.Write, (ulong)t * 8, 8))];
        for (int t = 0; t < 8; t++)
        {
            driver.SetData(t, data.AsSpan(t * 4096, 4096));
        }

        driver.Submit(requests);
        var clock = Stopwatch.StartNew();
        while (bed.Controller!.Resets < 2 && clock.Elapsed < TimeSpan.FromSeconds(20))
        {
            driver.Poll(new BlockCompletion[8]);
            Thread.Sleep(5);
        }

        Assert.True(bed.Controller.Resets >= 2);
        bed.Machine.Monitor.Execute("qom-set", new() { ["path"] = "/objects/slow", ["property"] = "limits", ["value"] = new JsonObject { ["iops-write"] = 0 } });
        driver.Drain(c => Assert.Equal(BlockStatus.Ok, c.Status));
        Assert.Equal(data, bed.ReadImage().AsSpan(0, data.Length).ToArray());
        Assert.True(((NvmeQueue)driver.Queue).Statistics.Timeouts > 0);
    }

    [SkippableFact]
    public void Resets_under_load_lose_nothing()
    {
        using var bed = ModelBed.Start();
        using NvmeNamespace disk = bed.Open().OpenNamespace(1);
        QueueDriver[] drivers = [.. Enumerable.Range(0, 2).Select(_ => bed.OpenQueue(disk, 32))];
        var model = new DiskModel(drivers[0], 2048);
        var failures = new Exception?[drivers.Length];
        int running = drivers.Length;
        Thread[] threads = [.. drivers.Select((driver, i) => new Thread(() =>
        {
            failures[i] = Record.Exception(() =>
            {
                var load = new RandomLoad(disk, driver, model, i);
                Load(load, driver, 400);
                driver.Drain(load.Complete);
            });
            Interlocked.Decrement(ref running);
        }))];
        Array.ForEach(threads, t => t.Start());
        int resets = 0;
        while (Volatile.Read(ref running) > 0)
        {
            bed.Controller!.Reset();
            resets++;
            Thread.Sleep(20);
        }

        Array.ForEach(threads, t => t.Join());
        Assert.All(failures, Assert.Null);
        Assert.True(resets > 2, $"{resets} resets");
        model.CheckAll(drivers[0]);
        bed.CheckImage(model);
        Array.ForEach(drivers, d => d.Dispose());
    }

    [SkippableFact]
    public void A_controller_that_is_pulled_out_under_load_ends_requests_with_errors()
    {
        using var bed = ModelBed.StartInSlot();
        using NvmeNamespace disk = bed.Open(_impatient).OpenNamespace(1);
        using QueueDriver driver = bed.OpenQueue(disk, 32);
        var model = new DiskModel(driver, 2048);
        var load = new RandomLoad(disk, driver, model, 8) { MayFail = true };
        Load(load, driver, 20);
        load.SubmitBatch();
        bed.Machine.Unplug("nvme");
        for (int i = 0; i < 20; i++)
        {
            load.SubmitBatch();
            load.Reap(8);
        }

        driver.Drain(load.Complete);
        Assert.True(load.Failures > 0);
        Simulated.SimulatedBed.Eventually(() => bed.Controller!.Failure is not null, "the removal was not noticed");
        Assert.Equal(NvmeFault.Removed, bed.Controller!.Failure!.Fault);
        Assert.Equal(NvmeFault.Removed, Assert.Throws<NvmeException>(() => disk.OpenQueue(1)).Fault);
    }

    private static void Load(RandomLoad load, QueueDriver driver, int batches)
    {
        for (int i = 0; i < batches; i++)
        {
            load.SubmitBatch();
            if (load.Reap(8) == 0 && driver.Outstanding > 8)
            {
                driver.Wait();
            }
        }
    }
}
