using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests;

/// <summary>The whole back-end, from the socket to the disk, driven by the kit's front end.</summary>
public sealed class BackendTests
{
    private const ulong Base = BlkFeatures.All | VirtioFeatures.Version1 | VirtioFeatures.EventIndex | VirtioFeatures.IndirectDescriptors;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    public static TheoryData<bool, int, ulong> Rings()
    {
        TheoryData<bool, int, ulong> data = [];
        foreach (bool packed in (bool[])[false, true])
        {
            data.Add(packed, 1, VirtioFeatures.Version1);
            data.Add(packed, 2, VirtioFeatures.Version1 | VirtioFeatures.EventIndex);
            data.Add(packed, 1, VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors);
            data.Add(packed, 2, VirtioFeatures.Version1 | VirtioFeatures.EventIndex | VirtioFeatures.IndirectDescriptors);
            data.Add(packed, 1, VirtioFeatures.Version1 | VirtioFeatures.EventIndex | VirtioFeatures.InOrder);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Rings))]
    public void What_was_written_is_read_back_and_on_the_disk(bool packed, int queues, ulong features)
    {
        using BackendBed bed = new(queues);
        using VirtioBlkDriver driver = bed.Drive(new VirtioBlkDriverOptions
        {
            QueueCount = queues,
            Features = BlkFeatures.All | features | (packed ? VirtioFeatures.PackedRing : 0),
        });
        Assert.Equal(packed, (driver.Features & VirtioFeatures.PackedRing) != 0);
        Assert.Equal(BackendBed.DiskLength / 512u, driver.Config.Capacity);
        Random random = new(1);
        byte[] written = new byte[32768];
        byte[] read = new byte[32768];
        for (int i = 0; i < 200; i++)
        {
            random.NextBytes(written);
            ulong sector = (ulong)random.Next((BackendBed.DiskLength - written.Length) / 512);
            Assert.Equal(BlkStatus.Ok, driver.Write(sector, written, i % queues));
            Assert.Equal(BlkStatus.Ok, driver.Read(sector, read, (i + 1) % queues));
            Assert.Equal(written, read);
            Assert.True(bed.Disk.Bytes.Slice((int)sector * 512, written.Length).SequenceEqual(written));
        }

        Assert.Equal(BlkStatus.Ok, driver.Flush());
        Assert.Equal(0xful, driver.Frontend.GetStatus());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Rings_stop_and_go_on_where_they_stood(bool packed)
    {
        using BackendBed bed = new(2);
        using VirtioBlkDriver driver = bed.Drive(Options(packed, 2));
        byte[] data = new byte[4096];
        for (int round = 0; round < 30; round++)
        {
            for (int i = 0; i <= round * 3; i++)
            {
                Assert.Equal(BlkStatus.Ok, driver.Read(0, data, i % 2));
            }

            RingPosition[] positions = driver.Stop();
            Assert.Equal(driver.Queues.Select(q => q.Position), positions);
            driver.Resume(positions);
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void What_a_back_end_that_died_had_in_flight_is_done_by_the_next_once(bool packed, bool outOfOrder)
    {
        using BackendBed first = new();
        using BackendBed second = new();
        using VirtioBlkDriver driver = first.Drive(Options(packed, 1));
        GuestBuffer[] buffers = [.. Enumerable.Range(0, 32).Select(_ => driver.Arena.Allocate(4096))];
        byte[] data = new byte[4096];
        int before = outOfOrder ? 100 : 0;
        for (int i = 0; i < before; i++)
        {
            Assert.Equal(BlkStatus.Ok, driver.Write(1000, data));
        }

        first.Disk.Hold();
        BlkRequest[] requests = new BlkRequest[buffers.Length];
        for (int i = 0; i < requests.Length; i++)
        {
            buffers[i].AsSpan().Fill((byte)(i + 1));
            requests[i] = new BlkRequest(BlkRequestType.Write, (ulong)i * 8, buffers[i].AsElement(), (uint)i);
        }

        Assert.Equal(32, driver.Queues[0].Submit(requests));
        Assert.True(SpinWait.SpinUntil(() => first.Disk.Waiting == 32, _patience));

        // The first back-end learns of its end and waits for its disk, for ever: from here on it touches nothing, like one that was killed.
        driver.Frontend.Dispose();
        Assert.True(SpinWait.SpinUntil(() => !first.Server.IsConnected, _patience));
        WaitUntilAsleep(first.Disk);
        driver.Reconnect(second.Connect());
        HashSet<uint> done = [];
        BlkResult[] results = new BlkResult[32];
        while (done.Count < 32)
        {
            int count = driver.Queues[0].Wait(results, _patience);
            Assert.All(results[..count], r => Assert.Equal(BlkStatus.Ok, r.Status));
            Assert.All(results[..count], r => Assert.True(done.Add(r.Token), $"request {r.Token} was done twice"));
        }

        Assert.Equal(32, second.Disk.Executed);
        Assert.All(Enumerable.Range(0, 32), i => Assert.Equal((byte)(i + 1), second.Disk.Bytes[i * 4096]));
        Assert.Equal(BlkStatus.Ok, driver.Write(0, data));
        Assert.Equal(0, driver.Queues[0].Outstanding);
        _ = driver.Stop();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Memory_comes_and_goes_while_requests_are_in_flight(bool packed)
    {
        using BackendBed bed = new();
        using VirtioBlkDriver driver = bed.Drive(Options(packed, 1));
        using GuestArena more = new(TestHosts.Linux, new GuestRange(0x8000_0000, 1 << 20));
        GuestBuffer near = driver.Arena.Allocate(4096);
        GuestBuffer far = more.Allocate(4096);
        Random random = new(3);
        BlkResult[] results = new BlkResult[64];
        for (int round = 0; round < 50; round++)
        {
            BlkRequest[] requests = [.. Enumerable.Range(0, 16).Select(i => new BlkRequest(BlkRequestType.Read, (ulong)random.Next(1000), near.AsElement(), (uint)i))];
            Assert.Equal(16, driver.Queues[0].Submit(requests));
            driver.Frontend.AddMemoryRegion(more, 0);
            bed.Disk.Bytes[8192] = (byte)round;
            Assert.Equal(1, driver.Queues[0].Submit([new BlkRequest(BlkRequestType.Read, 16, far.AsElement(), 16)]));
            driver.Frontend.SetVringCall(0, driver.Queues[0].Call);
            int done = 0;
            while (done < 17)
            {
                int count = driver.Queues[0].Wait(results, _patience);
                Assert.All(results[..count], r => Assert.Equal(BlkStatus.Ok, r.Status));
                done += count;
            }

            Assert.Equal((byte)round, far.AsSpan()[0]);
            Assert.Equal(1, driver.Queues[0].Submit([new BlkRequest(BlkRequestType.Read, 0, near.AsElement(), 0)]));
            driver.Frontend.RemoveMemoryRegion(more, 0);
            Assert.Equal(1, driver.Queues[0].Wait(results, _patience));
        }

        Assert.Null(bed.Server.LastFault);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_the_device_writes_is_logged_from_the_moment_that_logging_is_on(bool packed)
    {
        using BackendBed bed = new();
        using VirtioBlkDriver driver = bed.Drive(Options(packed, 1));
        using Grant grant = TestHosts.Linux.CreateMemory("log", 0x4000);
        using MappedMemory log = grant.Map(0, 0x4000, MemoryAccess.ReadWrite);
        GuestBuffer early = driver.Arena.Allocate(8192, 4096);
        GuestBuffer read = driver.Arena.Allocate(16384, 4096);
        GuestBuffer written = driver.Arena.Allocate(8192, 4096);
        GuestBuffer late = driver.Arena.Allocate(8192, 4096);
        bool IsLogged(ulong address) => (log.Slice(address / 4096 / 8, 1).AsSpan()[0] & (1 << (int)(address / 4096 % 8))) != 0;

        Assert.Equal(BlkStatus.Ok, driver.Execute(BlkRequestType.Read, 0, early));
        driver.Frontend.SetLogBase(grant, 0x4000, 0);
        driver.Frontend.SetFeatures(driver.Features | VhostUserFeatures.LogAll);
        RingAreas areas = driver.Queues[0].Setup.Areas;
        driver.Frontend.SetVringAddresses(0, areas, areas.Device.Address);
        Assert.Equal(-1, log.Slice(0, 0x4000).AsSpan().IndexOfAnyExcept((byte)0));
        Assert.Equal(BlkStatus.Ok, driver.Execute(BlkRequestType.Read, 0, read));
        Assert.Equal(BlkStatus.Ok, driver.Execute(BlkRequestType.Write, 0, written));
        for (ulong page = 0; page < 4; page++)
        {
            Assert.True(IsLogged(read.Address + (page * 4096)));
        }

        // A packed ring's used descriptors are in the descriptor ring.
        Assert.True(IsLogged(packed ? areas.Descriptors.Address : areas.Device.Address));
        Assert.False(IsLogged(early.Address) || IsLogged(written.Address));

        driver.Frontend.SetFeatures(driver.Features & ~VhostUserFeatures.LogAll);
        driver.Frontend.SetVringAddresses(0, areas);
        Assert.Equal(BlkStatus.Ok, driver.Execute(BlkRequestType.Read, 0, late));
        Assert.False(IsLogged(late.Address));
    }

    /// <summary>[VIRTIO-1.3] 5.2.5.2: CONFIG_WCE without FLUSH starts with writeback 0. And what a driver switched off stays off for a front end that comes again.</summary>
    [Theory]
    [InlineData(BlkFeatures.Flush, 0)]
    [InlineData(0, 1)]
    public void The_write_cache_follows_the_driver_alone(ulong without, byte initially)
    {
        using BackendBed bed = new();
        using VirtioBlkDriver driver = bed.Drive(new VirtioBlkDriverOptions { Features = Base & ~without });
        Assert.Equal(initially, driver.ReadConfig().Writeback);
        driver.Frontend.SetConfig(BlkConfig.WritebackOffset, [0]);
        driver.Reconnect(bed.Connect());
        Assert.Equal(0, driver.ReadConfig().Writeback);
        Assert.Equal(BlkStatus.Ok, driver.Write(0, new byte[512]));
    }

    [Fact]
    public void A_disk_that_changes_its_size_is_told_to_the_front_end()
    {
        using BackendBed bed = new();
        using VirtioBlkDriver driver = bed.Drive();
        using ManualResetEventSlim changed = new();
        driver.Frontend.ConfigChanged += changed.Set;
        bed.Disk.Resize(1234);
        Assert.True(changed.Wait(_patience));
        Assert.Equal(1234ul, driver.ReadConfig().Capacity);
    }

    [Fact]
    public void A_driver_that_breaks_a_ring_loses_that_queue_alone()
    {
        using BackendBed bed = new(2);
        using VirtioBlkDriver driver = bed.Drive(Options(packed: false, 2));
        byte[] data = new byte[512];
        Assert.Equal(BlkStatus.Ok, driver.Read(0, data, 0));

        // The available index moves by more than the queue's size.
        SharedMemory available = driver.Queues[0].Setup.Areas.Driver.AsShared();
        available.ReleaseUInt16(2, (ushort)(available.AcquireUInt16(2) + 1000));
        driver.Queues[0].Kick.Ring();
        Assert.True(driver.Queues[0].WaitForError(_patience));
        Assert.True(SpinWait.SpinUntil(() => driver.Frontend.GetStatus() == 0x4f, _patience));
        Assert.True(SpinWait.SpinUntil(() => driver.Frontend.BackendRequests != 0, _patience));
        Assert.Equal(BlkStatus.Ok, driver.Read(0, data, 1));
        Assert.True(bed.Server.IsConnected);
    }

    [Fact]
    public void A_front_end_that_leaves_with_requests_in_flight_leaves_a_device_for_the_next()
    {
        using BackendBed bed = new();
        bed.Disk.Hold();
        using (VirtioBlkDriver driver = bed.Drive())
        {
            Assert.Equal(1, driver.Queues[0].Submit([new BlkRequest(BlkRequestType.Flush, 0, default, 1)]));
            Assert.True(SpinWait.SpinUntil(() => bed.Disk.Waiting == 1, _patience));
            driver.Frontend.Dispose();
            bed.Disk.Release();
            BlkResult[] results = new BlkResult[1];
            Assert.Equal(1, driver.Queues[0].Wait(results, _patience));
        }

        using VirtioBlkDriver next = bed.Drive();
        Assert.Equal(BlkStatus.Ok, next.Flush());
    }

    [Fact]
    public void A_front_end_that_truncates_its_memory_loses_its_connection_and_the_next_is_served()
    {
        using BackendBed bed = new();
        string path = Path.Combine("/dev/shm", Path.GetRandomFileName());
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite, 0, FileOptions.DeleteOnClose);
        file.SetLength(1 << 20);
        using (VhostUserFrontend frontend = new(bed.Connect(), TestHosts.Linux))
        {
            ulong features = frontend.Negotiate(Base);
            frontend.SetFeatures(features);
            using Doorbell kick = TestHosts.Linux.CreateDoorbell();
            using LinuxGrant memory = new(File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite));
            frontend.SendRaw(
                (uint)VhostUserRequest.SetMemoryTable,
                VhostUserHeader.Version | VhostUserHeader.NeedReply,
                SessionBed.Table(new VhostUserMemoryRegion(0, 1 << 20, 0x10000, 0)),
                memory);
            Assert.Equal(0ul, frontend.ReceiveRaw()!.ToUInt64());
            frontend.SetVringSize(0, 128);
            frontend.SetVringAddresses(0, 0x10000, 0x12000, 0x13000);
            frontend.SetVringKick(0, kick);
            frontend.SetVringEnabled(0, true);
            file.SetLength(0);
            kick.Ring();
            Assert.Null(frontend.ReceiveRaw());
        }

        Assert.True(SpinWait.SpinUntil(() => !bed.Server.IsConnected, _patience));
        Assert.Contains("guest memory", Assert.IsType<VhostUserProtocolException>(bed.Server.LastFault).Message);
        using VirtioBlkDriver next = bed.Drive();
        Assert.Equal(BlkStatus.Ok, next.Flush());
    }

    [Fact]
    public void Connections_leave_no_descriptor_behind()
    {
        using BackendBed bed = new(2);
        int Cycle()
        {
            using (VirtioBlkDriver driver = bed.Drive(Options(packed: false, 2)))
            {
                Assert.Equal(BlkStatus.Ok, driver.Flush());
                driver.Frontend.SendRaw(77, VhostUserHeader.Version, [1], driver.Arena.Grants[0]);
                Assert.Null(driver.Frontend.ReceiveRaw());
            }

            Assert.True(SpinWait.SpinUntil(() => !bed.Server.IsConnected, _patience));
            return Directory.GetFiles("/proc/self/fd").Length;
        }

        for (int i = 0; i < 5; i++)
        {
            _ = Cycle();
        }

        // Other tests of this process open descriptors of their own meanwhile: a leak would show as dozens.
        int before = Cycle();
        for (int i = 0; i < 100; i++)
        {
            _ = Cycle();
        }

        Assert.InRange(Cycle(), 0, before + 60);
    }

    private static void WaitUntilAsleep(TestDisk disk)
    {
        int sleeps;
        do
        {
            sleeps = disk.Sleeps;
            Thread.Sleep(200);
        }
        while (sleeps != disk.Sleeps);
    }

    private static VirtioBlkDriverOptions Options(bool packed, int queues) => new()
    {
        QueueCount = queues,
        Features = Base | (packed ? VirtioFeatures.PackedRing : 0),
    };
}
