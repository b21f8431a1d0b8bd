using Makatea.BlockContract;
using Makatea.NvmeModel;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme.Tests.Simulated;

/// <summary>Faults between a command and its completion: each ends in a retry that leaves no trace, or in a typed error, and nothing hangs.</summary>
[Trait("Category", "Long")]
public sealed class RecoveryTests
{
    [Theory]
    [InlineData(ModelFault.LoseCompletion, 1)]
    [InlineData(ModelFault.UnknownId, 1)]
    [InlineData(ModelFault.CompleteTwice, 1)]
    [InlineData(ModelFault.WrongQueue, 1)]
    [InlineData(ModelFault.WrongHead, 1)]
    [InlineData(ModelFault.FlipPhases, 1)]
    [InlineData(ModelFault.Die, 1)]
    [InlineData(ModelFault.Hold, 0)]
    public void A_fault_now_and_then_is_survived_and_no_write_is_lost(ModelFault fault, int leastResets)
    {
        using var bed = new SimulatedBed();
        NvmeNamespace disk = bed.Open();
        using QueueDriver driver = bed.OpenQueue(disk, 32);
        var model = new DiskModel(driver, 4096);
        int commands = 0;
        bed.Model.OnIo = _ => Interlocked.Increment(ref commands) is 100 or 400 or 900 ? fault : ModelFault.None;
        var load = new RandomLoad(disk, driver, model, 7);
        while (Volatile.Read(ref commands) < 1200)
        {
            load.SubmitBatch();
            if (load.Reap(16) == 0 && driver.Outstanding > 0)
            {
                driver.Wait();
            }
        }

        driver.Drain(load.Complete);
        bed.Model.OnIo = null;
        model.CheckAll(driver);
        Assert.Null(bed.Controller.Failure);
        Assert.True(bed.Controller.Resets >= leastResets, $"{bed.Controller.Resets} resets");
    }

    [Fact]
    public void A_late_command_is_aborted_and_done_again()
    {
        using var bed = new SimulatedBed();
        NvmeNamespace disk = bed.Open(SimulatedBed.Impatient with { CommandTimeout = TimeSpan.FromSeconds(1) });
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        int left = 1;
        bed.Model.OnIo = _ => left-- > 0 ? ModelFault.Hold : ModelFault.None;
        byte[] data = [.. Enumerable.Repeat((byte)0x5a, 512)];
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 3, 1, data));
        Assert.Equal(data, bed.Model.Disks[0].Bytes.AsSpan(3 * 512, 512).ToArray());
        Assert.Equal(1, bed.Model.Aborts);
        Assert.Equal(0, bed.Controller.Resets);
        Assert.Equal((1L, 1L), (Statistics(driver).Timeouts, Statistics(driver).Retries));
    }

    [Fact]
    public void Where_an_abort_does_nothing_the_controller_is_reset()
    {
        using var bed = new SimulatedBed();
        bed.Model.HonoursAbort = false;
        NvmeNamespace disk = bed.Open();
        NvmeException? reason = null;
        bed.Controller.Recovered += e => reason = e;
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        int left = 1;
        bed.Model.OnIo = _ => left-- > 0 ? ModelFault.Hold : ModelFault.None;
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 3, 1, new byte[512]));
        Assert.Equal((1, 1), (bed.Model.Aborts, bed.Controller.Resets));
        Assert.Equal(1, Statistics(driver).Replays);
        SimulatedBed.Eventually(() => Volatile.Read(ref reason) is not null, "Recovered was not raised");
        Assert.Equal(NvmeFault.Timeout, reason!.Fault);
        Assert.Contains("aborting it did not end it", reason.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_command_that_always_hangs_ends_with_an_error_and_others_go_on()
    {
        using var bed = new SimulatedBed();
        bed.Model.HonoursAbort = false;
        NvmeNamespace disk = bed.Open(SimulatedBed.Impatient with { CommandTimeout = TimeSpan.FromMilliseconds(50), MaxRetries = 2, MaxResets = 8 });
        using QueueDriver poisoned = bed.OpenQueue(disk, 4);
        bed.Model.OnIo = io => io.Block == 100 ? ModelFault.Hold : ModelFault.None;
        Assert.Equal(BlockStatus.IoError, poisoned.Execute(BlockOperation.Read, 100, 1, new byte[512]));
        Assert.Equal(3, bed.Controller.Resets);
        Assert.Equal(BlockStatus.Ok, poisoned.Execute(BlockOperation.Read, 101, 1, new byte[512]));
        Assert.Null(bed.Controller.Failure);
    }

    [Fact]
    public void A_controller_that_never_completes_is_given_up_and_requests_end_with_errors()
    {
        using var bed = new SimulatedBed();
        NvmeNamespace disk = bed.Open(SimulatedBed.Impatient with { CommandTimeout = TimeSpan.FromMilliseconds(40), MaxRetries = 100 });
        using QueueDriver driver = bed.OpenQueue(disk, 8);
        bool failed = false;
        bed.Controller.Failed += () => failed = true;
        bed.Model.OnIo = _ => ModelFault.LoseCompletion;
        driver.Submit([.. Enumerable.Range(0, 8).Select(t => driver.Prepare(t, BlockOperation.Read, (ulong)t, 1))]);
        driver.Drain(c => Assert.Equal(BlockStatus.IoError, c.Status));
        Assert.Equal(NvmeFault.Timeout, bed.Controller.Failure!.Fault);
        Assert.False(bed.Function.IsBusMaster);
        Assert.Equal(BlockStatus.IoError, driver.Execute(BlockOperation.Write, 0, 1, new byte[512]));
        Assert.Equal(NvmeFault.Timeout, Assert.Throws<NvmeException>(() => disk.OpenQueue(1)).Fault);
        Assert.Throws<NvmeException>(() => bed.Controller.ReadHealth());
        SimulatedBed.Eventually(() => Volatile.Read(ref failed), "Failed was not raised");
    }

    [Fact]
    public void One_that_does_not_come_back_is_given_up()
    {
        using var bed = new SimulatedBed();
        NvmeNamespace disk = bed.Open();
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        bed.Model.OnIo = _ => ModelFault.Hold;
        bed.Model.IsFatalAtStart = true;
        driver.Submit(driver.Prepare(0, BlockOperation.Write, 0, 1));
        bed.Model.Die();
        driver.Drain(c => Assert.Equal(BlockStatus.IoError, c.Status));
        Assert.Equal(NvmeFault.FatalStatus, bed.Controller.Failure!.Fault);
    }

    [Fact]
    public void One_that_comes_back_as_another_is_given_up()
    {
        using var bed = new SimulatedBed();
        NvmeNamespace disk = bed.Open();
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        bed.Model.OnIo = _ => ModelFault.Hold;
        driver.Submit(driver.Prepare(0, BlockOperation.Write, 0, 1));
        bed.Model.Serial = "another";
        bed.Model.Die();
        driver.Drain(c => Assert.Equal(BlockStatus.IoError, c.Status));
        Assert.Equal(NvmeFault.Removed, bed.Controller.Failure!.Fault);
        Assert.Equal(new byte[512], bed.Model.Disks[0].Bytes.AsSpan(0, 512).ToArray());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Removal_ends_requests_with_errors(bool withInterrupts)
    {
        using var bed = new SimulatedBed(withInterrupts);
        NvmeNamespace disk = bed.Open();
        using QueueDriver driver = bed.OpenQueue(disk, 16);
        bed.Model.OnIo = _ => ModelFault.Hold;
        driver.Submit([.. Enumerable.Range(0, 16).Select(t => driver.Prepare(t, BlockOperation.Write, (ulong)t, 1))]);
        bed.Model.IsGone = true;
        driver.Drain(c => Assert.Equal(BlockStatus.IoError, c.Status));
        Assert.Equal(NvmeFault.Removed, bed.Controller.Failure!.Fault);
        Assert.Equal(0, bed.Controller.Resets);
    }

    [Fact]
    public void Lost_interrupts_are_noticed()
    {
        using var bed = new SimulatedBed(withInterrupts: true);
        NvmeNamespace disk = bed.Open();
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        Assert.NotNull(driver.Queue.Completions);
        bed.Model.OnIo = _ => ModelFault.LoseInterrupt;
        BlockRequest request = driver.Prepare(0, BlockOperation.Read, 0, 1);
        driver.Submit(request);

        // Asleep as a worker would be: the doorbell does not ring, the deadline comes.
        long deadline = driver.Queue.Arm();
        Assert.True(deadline is BlockQueue.Ready or < DoorbellWaiter.Forever);
        driver.Drain(c => Assert.Equal(BlockStatus.Ok, c.Status));
    }

    [Fact]
    public void A_thread_that_waits_for_an_interrupt_is_told_to_stay()
    {
        using var bed = new SimulatedBed(withInterrupts: true);
        List<(int Vector, int Thread)> told = [];
        bed.Function.Settle = vector =>
        {
            told.Add((vector, Environment.CurrentManagedThreadId));
            return 7;
        };
        NvmeNamespace disk = bed.Open();
        using QueueDriver driver = bed.OpenQueue(disk, 4);
        Assert.Equal((1, true), (Statistics(driver).Vector, Statistics(driver).Processor < 0));
        _ = driver.Queue.Arm();
        _ = driver.Queue.Arm();
        Assert.Equal((1, Environment.CurrentManagedThreadId), Assert.Single(told));
        Assert.Equal(7, Assert.Single(bed.Controller.Queues).Processor);
    }

    [Fact]
    public void A_function_that_had_to_be_reset_is_polled_from_then_on()
    {
        using var bed = new SimulatedBed(withInterrupts: true);
        NvmeNamespace disk = bed.Open();
        var driver = bed.OpenQueue(disk, 4);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 0, 1, new byte[512]));
        bed.Model.NeverStops = true;
        bed.Model.OnIo = _ => ModelFault.Hold;
        driver.Submit(driver.Prepare(0, BlockOperation.Read, 0, 1));
        bed.Model.Locked(() => bed.Model.OnIo = null);
        bed.Model.Die();
        driver.Drain(c => Assert.Equal(BlockStatus.Ok, c.Status));
        Assert.Equal(1, bed.Function.ResetCount);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, 0, 1, new byte[512]));
        }

        driver.Dispose();
    }

    [Fact]
    public void A_reset_on_request_loses_nothing_under_load_of_several_threads()
    {
        using var bed = new SimulatedBed(withInterrupts: true);
        NvmeNamespace disk = bed.Open();
        QueueDriver[] drivers = [.. Enumerable.Range(0, 3).Select(_ => bed.OpenQueue(disk, 32))];
        var model = new DiskModel(drivers[0], 4096);
        var failures = new Exception?[drivers.Length];
        int running = drivers.Length;
        Thread[] threads = [.. drivers.Select((driver, i) => new Thread(() =>
        {
            failures[i] = Record.Exception(() => new RandomLoad(disk, driver, model, i).Run(1500));
            Interlocked.Decrement(ref running);
        }))];
        Array.ForEach(threads, t => t.Start());
        int resets = 0;
        while (Volatile.Read(ref running) > 0)
        {
            bed.Controller.Reset();
            resets++;
            Thread.Sleep(2);
        }

        Array.ForEach(threads, t => t.Join());
        Assert.All(failures, Assert.Null);
        Assert.True(resets > 3, $"{resets} resets");
        model.CheckAll(drivers[0]);
        Array.ForEach(drivers, d => d.Dispose());
    }

    [Fact]
    public void A_queue_that_cannot_be_deleted_goes_with_a_reset()
    {
        using var bed = new SimulatedBed();
        NvmeNamespace disk = bed.Open();
        using QueueDriver other = bed.OpenQueue(disk, 4);
        QueueDriver driver = bed.OpenQueue(disk, 4);
        bed.Model.AdminStatusOf = o => o == 0 ? 0x006 : 0;
        driver.Dispose();
        Assert.Equal(1, bed.Controller.Resets);
        Assert.Equal(BlockStatus.Ok, other.Execute(BlockOperation.Write, 0, 1, new byte[512]));
        bed.Model.AdminStatusOf = null;
    }

    private static NvmeQueueStatistics Statistics(QueueDriver driver) => ((NvmeQueue)driver.Queue).Statistics;
}
