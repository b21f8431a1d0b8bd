using Makatea.Platform.Linux;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests;

/// <summary>The front end and the split driver ring against a back end of QEMU's: what works here is the protocol, and not our reading of it.</summary>
public sealed class FrontendAgainstQemuTests
{
    private const int DiskSize = 8 << 20;
    private static readonly LinuxHost _host = new();

    public static TheoryData<int, bool, bool, bool> Rings()
    {
        TheoryData<int, bool, bool, bool> data = [];
        foreach (int queues in (int[])[1, 2])
        {
            foreach (bool eventIndex in (bool[])[false, true])
            {
                foreach (bool indirect in (bool[])[false, true])
                {
                    data.Add(queues, eventIndex, indirect, true);
                }
            }
        }

        data.Add(2, true, true, false);
        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Rings))]
    public void Reads_back_what_it_wrote_and_the_file_holds_it(int queues, bool eventIndex, bool indirect, bool calls)
    {
        using TempFile file = new(DiskSize);
        using QemuStorageDaemon daemon = QemuStorageDaemon.Start($"driver=file,filename={file.Path}", queues);
        using VirtioBlkDriver driver = new(daemon.Connect(), _host, new VirtioBlkDriverOptions
        {
            QueueCount = queues,
            UseCalls = calls,
            Features = BlkFeatures.All | VirtioFeatures.Version1
                | (eventIndex ? VirtioFeatures.EventIndex : 0) | (indirect ? VirtioFeatures.IndirectDescriptors : 0),
        });
        Assert.Equal(DiskSize / 512u, driver.Config.Capacity);
        Assert.Equal(queues, driver.Config.QueueCount);
        Assert.Equal(eventIndex, (driver.Features & VirtioFeatures.EventIndex) != 0);

        Random random = new(1);
        byte[] expected = new byte[DiskSize];
        byte[] data = new byte[64 * 1024];
        for (int i = 0; i < 200; i++)
        {
            int sectors = random.Next(1, data.Length / 512);
            int sector = random.Next(0, (DiskSize / 512) - sectors);
            Span<byte> written = data.AsSpan(0, sectors * 512);
            random.NextBytes(written);
            written.CopyTo(expected.AsSpan(sector * 512));
            Assert.Equal(BlkStatus.Ok, driver.Write((ulong)sector, written, i % queues));
        }

        Assert.Equal(BlkStatus.Ok, driver.Flush());
        byte[] actual = new byte[DiskSize];
        for (int at = 0; at < DiskSize; at += data.Length)
        {
            Assert.Equal(BlkStatus.Ok, driver.Read((ulong)at / 512, actual.AsSpan(at, data.Length), at / data.Length % queues));
        }

        Assert.True(actual.AsSpan().SequenceEqual(expected));
        Assert.True(File.ReadAllBytes(file.Path).AsSpan().SequenceEqual(expected));
    }

    [SkippableFact]
    public void Zeroes_discards_and_names_the_disk()
    {
        using TempFile file = new(DiskSize);
        using QemuStorageDaemon daemon = QemuStorageDaemon.Start($"driver=file,filename={file.Path},discard=unmap", 1);
        using VirtioBlkDriver driver = new(daemon.Connect(), _host, new VirtioBlkDriverOptions());
        byte[] data = new byte[4096];
        Array.Fill(data, (byte)0x5a);
        Assert.Equal(BlkStatus.Ok, driver.Write(8, data));
        Assert.Equal(BlkStatus.Ok, driver.WriteZeroes(8, 4, unmap: false));
        Assert.Equal(BlkStatus.Ok, driver.Read(8, data));
        Assert.Equal(-1, data.AsSpan(0, 2048).IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, data.AsSpan(2048).IndexOfAnyExcept((byte)0x5a));
        Assert.Equal(BlkStatus.Ok, driver.Discard(0, 64));
        Assert.Equal(BlkStatus.Ok, driver.GetId(out string id));
        Assert.Equal("vhost_user_blk", id);
        Assert.Equal(BlkStatus.IoError, driver.Read(DiskSize / 512, data));
        Assert.Equal(BlkStatus.Unsupported, driver.Execute((BlkRequestType)77, 0, driver.Arena.Allocate(512)));
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public void Batches_of_any_size_all_come_back_once(int queues)
    {
        using QemuStorageDaemon daemon = QemuStorageDaemon.Start("driver=null-co,size=1073741824,read-zeroes=off", queues);
        using VirtioBlkDriver driver = new(daemon.Connect(), _host, new VirtioBlkDriverOptions { QueueCount = queues });
        GuestBuffer data = driver.Arena.Allocate(4096, 4096);
        BlkRequest[] requests = new BlkRequest[32];
        BlkResult[] results = new BlkResult[32];
        Random random = new(2);
        foreach (BlkDriverQueue queue in driver.Queues)
        {
            HashSet<uint> outstanding = [];
            uint token = 0;
            for (int done = 0; done < 100_000;)
            {
                int count = random.Next(1, requests.Length + 1);
                for (int i = 0; i < count; i++)
                {
                    requests[i] = new BlkRequest(i % 2 == 0 ? BlkRequestType.Read : BlkRequestType.Write, (ulong)random.Next(0, 1000) * 8, data.AsElement(), token + (uint)i);
                }

                int taken = queue.Submit(requests.AsSpan(0, count));
                for (int i = 0; i < taken; i++)
                {
                    Assert.True(outstanding.Add(token++));
                }

                int got = queue.Wait(results, TimeSpan.FromSeconds(10));
                for (int i = 0; i < got; i++)
                {
                    Assert.Equal(BlkStatus.Ok, results[i].Status);
                    Assert.True(outstanding.Remove(results[i].Token));
                }

                done += got;
            }

            Assert.Equal(outstanding.Count, queue.Outstanding);
        }
    }

    [SkippableFact]
    public void Stops_rings_and_starts_them_where_they_stood()
    {
        using QemuStorageDaemon daemon = QemuStorageDaemon.Start("driver=null-co,size=1073741824", 2);
        using VirtioBlkDriver driver = new(daemon.Connect(), _host, new VirtioBlkDriverOptions { QueueCount = 2 });
        byte[] data = new byte[512];
        for (int round = 0; round < 20; round++)
        {
            for (int i = 0; i <= round; i++)
            {
                Assert.Equal(BlkStatus.Ok, driver.Read(0, data, round % 2));
            }

            RingPosition[] positions = driver.Stop();
            Assert.Equal(driver.Queues.Select(q => q.Position.Available), positions.Select(p => p.Available));
            driver.Resume(positions);
        }
    }

    [SkippableFact]
    public void Goes_on_with_the_next_back_end_after_the_first_was_killed()
    {
        using TempFile file = new(DiskSize);
        VirtioBlkDriver driver;
        byte[] data = new byte[4096];
        Random.Shared.NextBytes(data);
        using (QemuStorageDaemon first = QemuStorageDaemon.Start($"driver=file,filename={file.Path}", 1))
        {
            driver = new VirtioBlkDriver(first.Connect(), _host, new VirtioBlkDriverOptions());
            Assert.Equal(BlkStatus.Ok, driver.Write(16, data));
        }

        using (driver)
        using (QemuStorageDaemon second = QemuStorageDaemon.Start($"driver=file,filename={file.Path}", 1))
        {
            byte[] actual = new byte[4096];
            Assert.Equal(1, driver.Queues[0].Submit([new BlkRequest(BlkRequestType.Read, 16, driver.Arena.Allocate(4096).AsElement(), 9)]));
            driver.Reconnect(second.Connect());
            BlkResult[] results = new BlkResult[1];
            Assert.Equal(1, driver.Queues[0].Wait(results, TimeSpan.FromSeconds(10)));
            Assert.Equal(new BlkResult(9, BlkStatus.Ok, 4097), results[0]);
            Assert.Equal(BlkStatus.Ok, driver.Read(16, actual));
            Assert.Equal(data, actual);
        }
    }

    [SkippableFact]
    public void Says_so_when_the_back_end_closes_the_connection()
    {
        using QemuStorageDaemon daemon = QemuStorageDaemon.Start("driver=null-co,size=1048576", 1);
        using VhostUserFrontend frontend = new(daemon.Connect(), _host);
        frontend.SendRaw(9999, VhostUserFrame.Version, []);
        VhostUserException e = Assert.Throws<VhostUserException>(() => frontend.GetFeatures());
        Assert.Contains("closed the connection", e.Message, StringComparison.Ordinal);
    }

    private sealed class TempFile : IDisposable
    {
        public TempFile(long length)
        {
            using FileStream stream = File.Create(Path);
            stream.SetLength(length);
        }

        public string Path { get; } = System.IO.Path.GetTempFileName();

        public void Dispose() => File.Delete(Path);
    }
}
