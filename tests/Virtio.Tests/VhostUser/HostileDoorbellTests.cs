using Makatea.Hostile;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests;

/// <summary>
/// A front end clears O_NONBLOCK of the eventfds that it granted and fills their counts, so that every write to them would wait for ever. Its own
/// queue may lose a moment by that; its connection can be ended, and the next front end is served.
/// </summary>
[Trait("Category", "Long")]
public sealed class HostileDoorbellTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    [Fact]
    public void A_queue_whose_call_blocks_goes_on_without_it()
    {
        using BackendBed bed = new();
        using VirtioBlkDriver driver = bed.Drive();
        using Doorbell call = BlockCalls(driver);

        // The second is served once the back end gave up calling for the first.
        Write(driver, 7);
        Write(driver, 8);
        Assert.Equal(8, bed.Disk.Bytes[0]);
    }

    [Fact]
    public void A_queue_whose_call_blocks_stops_when_asked()
    {
        using BackendBed bed = new();
        using VirtioBlkDriver driver = bed.Drive();
        using Doorbell call = BlockCalls(driver);
        Write(driver, 7);
        AssertEnds(() => driver.Frontend.GetVringBase(0));
    }

    [Fact]
    public void The_next_front_end_is_served_after_one_whose_call_blocked()
    {
        using BackendBed bed = new();
        using (VirtioBlkDriver driver = bed.Drive())
        {
            using Doorbell call = BlockCalls(driver);
            Write(driver, 7);
        }

        AssertServes(bed);
    }

    [Fact]
    public void The_next_front_end_is_served_after_one_whose_error_doorbell_blocked()
    {
        using BackendBed bed = new();
        using (VirtioBlkDriver driver = bed.Drive())
        {
            using Doorbell error = TestHosts.Linux.CreateDoorbell();
            driver.Frontend.SetVringError(0, error);
            Block(error);
            Assert.True(driver.Queues[0].SubmitRaw([new GuestSegment(ulong.MaxValue - 4096, 16)], 1, 0));
            Assert.True(SpinWait.SpinUntil(() => (driver.Frontend.GetStatus() & 0x40) != 0 || !bed.Server.IsConnected, _patience));
        }

        AssertServes(bed);
    }

    [Fact]
    public void The_next_front_end_is_served_after_one_whose_log_doorbell_blocked()
    {
        using BackendBed bed = new();
        using (VirtioBlkDriver driver = bed.Drive())
        {
            using Doorbell written = TestHosts.Linux.CreateDoorbell();
            using Grant log = TestHosts.Linux.CreateMemory("log", 0x4000);
            driver.Frontend.SetLogDoorbell(written);
            Block(written);
            driver.Frontend.SetLogBase(log, 0x4000, 0);
            driver.Frontend.SetFeatures(driver.Features | VhostUserFeatures.LogAll);

            // The session looks at it ten times a second.
            Thread.Sleep(500);
            AssertEnds(() => driver.Frontend.GetFeatures());
        }

        AssertServes(bed);
    }

    [Fact]
    public void A_kick_that_blocks_and_is_empty_wakes_the_queue_and_does_not_hold_it_up()
    {
        using BackendBed bed = new();
        using (VirtioBlkDriver driver = bed.Drive())
        {
            using LinuxGrant kick = (LinuxGrant)TestHosts.Linux.ShareDoorbell(driver.Queues[0].Kick, DoorbellEnd.Wait);
            PeerDescriptor.MakeBlocking(kick.Handle);
            for (int i = 0; i < 100; i++)
            {
                PeerDescriptor.Add(kick.Handle, 1);
                PeerDescriptor.Take(kick.Handle);
            }

            Write(driver, 7);
            AssertEnds(() => driver.Frontend.GetVringBase(0));
        }

        AssertServes(bed);
    }

    /// <summary>Has the back end call a doorbell that blocks.</summary>
    private static Doorbell BlockCalls(VirtioBlkDriver driver)
    {
        Doorbell call = TestHosts.Linux.CreateDoorbell();
        driver.Frontend.SetVringCall(0, call);
        Block(call);
        return call;
    }

    private static void Block(Doorbell doorbell)
    {
        using LinuxGrant ours = (LinuxGrant)TestHosts.Linux.ShareDoorbell(doorbell, DoorbellEnd.Wait);
        PeerDescriptor.Add(ours.Handle, 1);
        PeerDescriptor.Take(ours.Handle);
        PeerDescriptor.Add(ours.Handle, PeerDescriptor.FullCount);
        PeerDescriptor.MakeBlocking(ours.Handle);
    }

    /// <summary>Writes a sector and looks for the result, as the call may never come.</summary>
    private static void Write(VirtioBlkDriver driver, byte value)
    {
        BlkDriverQueue queue = driver.Queues[0];
        GuestBuffer data = driver.Arena.Allocate(512, 512);
        data.AsSpan().Fill(value);
        BlkResult[] results = new BlkResult[1];
        queue.EnableCallbacks();
        Assert.True(queue.Submit(BlkRequestType.Write, 0, [data.AsElement()], value));
        Assert.True(SpinWait.SpinUntil(() => queue.Poll(results) == 1, _patience), $"write {value} did not end");
        Assert.Equal(BlkStatus.Ok, results[0].Status);
    }

    private static void AssertServes(BackendBed bed) => AssertEnds(() =>
    {
        using VirtioBlkDriver next = bed.Drive();
        Assert.Equal(BlkStatus.Ok, next.Write(0, new byte[512]));
    });

    private static void AssertEnds(Action action)
    {
        Task task = Task.Factory.StartNew(action, default, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.True(task.Wait(_patience), "it did not end");
    }
}
