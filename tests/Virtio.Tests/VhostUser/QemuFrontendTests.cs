using System.Text.Json.Nodes;

namespace Makatea.Virtio.Tests;

/// <summary>The back-end under QEMU's front end: what works here is the protocol as QEMU means it.</summary>
[Trait("Category", "Long")]
public sealed class QemuFrontendTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_machine_boots_reads_and_writes(int queues)
    {
        using BackendBed bed = new(queues);
        BootSector.Install(bed.Disk, forEver: false);
        using QemuMachine machine = new(bed.SocketPath, queues);
        Assert.Equal(BootSector.Succeeded, machine.WaitForExit());
        Assert.Equal(BootSector.FirstCount + 1, BootSector.Count(bed.Disk));
        Assert.True(bed.Disk.Bytes[1028..1536].SequenceEqual(bed.Disk.Bytes[516..1024]));
        Assert.True(SpinWait.SpinUntil(() => !bed.Server.IsConnected, _patience));
        Assert.Null(bed.Server.LastFault);
    }

    [SkippableFact]
    public void More_queues_than_the_device_has_are_refused_by_QEMU_and_nothing_breaks()
    {
        using BackendBed bed = new(1);
        Assert.Throws<InvalidOperationException>(() => new QemuMachine(bed.SocketPath, queues: 2).Dispose());
        Assert.True(SpinWait.SpinUntil(() => !bed.Server.IsConnected, _patience));
        Assert.Null(bed.Server.LastFault);
    }

    [SkippableFact]
    public void A_machine_pauses_goes_on_and_resets()
    {
        using BackendBed bed = new();
        BootSector.Install(bed.Disk, forEver: true);
        using QemuMachine machine = new(bed.SocketPath);
        WaitForProgress(bed.Disk);
        for (int round = 0; round < 5; round++)
        {
            machine.Command("stop");
            uint count = BootSector.Count(bed.Disk);
            Thread.Sleep(50);
            Assert.Equal(count, BootSector.Count(bed.Disk));
            machine.Command("cont");
            WaitForProgress(bed.Disk);
        }

        machine.Command("stop");
        machine.Command("system_reset");
        machine.Command("cont");
        Assert.True(SpinWait.SpinUntil(() => BootSector.Count(bed.Disk) < BootSector.FirstCount + 10, _patience), "the machine did not start over");
        WaitForProgress(bed.Disk);
        Assert.Null(bed.Server.LastFault);
    }

    [SkippableFact]
    public void A_machine_goes_on_with_the_next_back_end_after_the_last_one_ended()
    {
        string folder = Directory.CreateTempSubdirectory("vhost-user").FullName;
        TestDisk disk = new(BackendBed.DiskLength);
        BootSector.Install(disk, forEver: true);
        BackendBed bed = new(disk: disk, folder: folder);
        try
        {
            using QemuMachine machine = new(bed.SocketPath);
            for (int round = 0; round < 3; round++)
            {
                WaitForProgress(disk);
                bed.Dispose();
                bed = new BackendBed(disk: disk, folder: folder);
            }

            WaitForProgress(disk);
            Assert.Null(bed.Server.LastFault);
        }
        finally
        {
            bed.Dispose();
            Directory.Delete(folder, recursive: true);
        }
    }

    [SkippableFact]
    public void A_machine_migrates_with_its_disk()
    {
        using BackendBed bed = new();
        BootSector.Install(bed.Disk, forEver: true);
        string state = Path.GetTempFileName();
        try
        {
            using (QemuMachine source = new(bed.SocketPath))
            {
                WaitForProgress(bed.Disk);
                source.Command("migrate", new JsonObject { ["uri"] = $"exec:cat > {state}" });
                Assert.True(
                    SpinWait.SpinUntil(() => source.Command("query-migrate")?["status"]?.ToString() is "completed" or "failed", _patience));
                Assert.Equal("completed", source.Command("query-migrate")?["status"]?.ToString());
                Assert.Null(bed.Server.LastFault);
                uint stoppedAt = BootSector.Count(bed.Disk);
                Thread.Sleep(50);
                Assert.Equal(stoppedAt, BootSector.Count(bed.Disk));
            }

            using QemuMachine target = new(bed.SocketPath, options: ["-incoming", $"exec:cat {state}"]);
            WaitForProgress(bed.Disk);
            Assert.Null(bed.Server.LastFault);
        }
        finally
        {
            File.Delete(state);
        }
    }

    private static void WaitForProgress(TestDisk disk)
    {
        uint count = BootSector.Count(disk);
        Assert.True(SpinWait.SpinUntil(() => BootSector.Count(disk) > count + 20, _patience), $"the machine stands still at {count}");
    }
}
