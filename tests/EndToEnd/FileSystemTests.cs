namespace Makatea.EndToEnd;

/// <summary>A real file system on our disk, over every kind of ring that QEMU and Linux can negotiate.</summary>
[Trait("Category", "Guest")]
public sealed class FileSystemTests
{
    [SkippableTheory]
    [InlineData("split", 1, 1)]
    [InlineData("split", 2, 2)]
    [InlineData("split", 4, 2)]
    [InlineData("split", 1, 1, "event_idx=off")]
    [InlineData("split", 1, 1, "indirect_desc=off")]
    [InlineData("split", 1, 1, "indirect_desc=off", "event_idx=off")]
    [InlineData("split", 1, 1, "queue-size=16")]
    [InlineData("packed", 1, 1, "packed=on")]
    [InlineData("packed", 2, 2, "packed=on")]
    [InlineData("packed", 1, 1, "packed=on", "event_idx=off")]
    [InlineData("packed", 1, 1, "packed=on", "indirect_desc=off", "event_idx=off")]
    public void A_file_system_survives_writing_rereading_and_power_off(string ring, int queues, int cores, params string[] properties)
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", 128 << 20);
        using BlockBackend backend = BlockBackend.Create(scratch, "disk", new BackendOptions(image) { Queues = queues }).Start();
        FileSystemCheck.Run(scratch, new GuestDisk(backend, properties), cores, expectPacked: ring == "packed");
        backend.Stop();
    }

    [SkippableFact]
    public void The_bed_works_with_QEMUs_own_backend()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", 128 << 20);
        using BlockBackend backend = new StorageDaemonBackend(scratch, "disk", new BackendOptions(image)).Start();
        FileSystemCheck.Run(scratch, new GuestDisk(backend));
    }

    [SkippableFact]
    public void Two_disks_of_one_guest_keep_their_data_apart()
    {
        using var scratch = new Scratch();
        using BlockBackend first = BlockBackend.Create(scratch, "first", new BackendOptions(scratch.Image("first.img", 64 << 20))).Start();
        using BlockBackend second = BlockBackend.Create(scratch, "second", new BackendOptions(scratch.Image("second.img", 96 << 20))).Start();
        using Guest guest = Guest.Boot(scratch, new GuestOptions { Disks = [new GuestDisk(first), new GuestDisk(second, "packed=on")] });
        Assert.Equal($"{64 << 20}\n{96 << 20}", guest.Run("blockdev --getsize64 /dev/vda; blockdev --getsize64 /dev/vdb"));
        string sums = guest.Run("""
            for disk in vda vdb; do
              mkfs.ext4 -q /dev/$disk; mkdir /tmp/$disk; mount /dev/$disk /tmp/$disk
              (dd if=/dev/urandom of=/tmp/$disk/$disk bs=1M count=24 2>/dev/null; sync) &
            done
            wait
            echo 3 >/proc/sys/vm/drop_caches
            for disk in vda vdb; do (cd /tmp/$disk; sha256sum $disk); umount /tmp/$disk; done
            """);
        guest.AssertKernelContent();
        guest.PowerOff();
        FileSystemCheck.CheckImage(scratch, first.Options.Image, sums.Split('\n')[0]);
        FileSystemCheck.CheckImage(scratch, second.Options.Image, sums.Split('\n')[1]);
    }
}
