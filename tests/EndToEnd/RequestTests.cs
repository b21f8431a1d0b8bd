namespace Makatea.EndToEnd;

/// <summary>What Linux's driver sees of the device beyond reads and writes.</summary>
[Trait("Category", "Guest")]
public sealed class RequestTests
{
    private const long Size = 64 << 20;

    [SkippableFact]
    public void A_read_only_disk_refuses_writes_and_keeps_its_image()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", Size);
        Tool.Run("mkfs.ext4", "-q", image);
        string before = Tool.Run("sha256sum", image);
        using BlockBackend backend = BlockBackend.Create(scratch, "disk", new BackendOptions(image) { ReadOnly = true }).Start();
        using Guest guest = Guest.Boot(scratch, new GuestOptions { Disks = [new GuestDisk(backend)] });
        Assert.Equal("1", guest.Run("blockdev --getro /dev/vda"));
        Assert.NotEqual(0, guest.TryRun("dd if=/dev/zero of=/dev/vda bs=4K count=1 oflag=direct").Status);

        // Even with the driver's own check out of the way.
        Assert.NotEqual(0, guest.TryRun("blockdev --setrw /dev/vda; dd if=/dev/zero of=/dev/vda bs=4K count=1 oflag=direct").Status);
        Assert.NotEqual(0, guest.TryRun("/bin/blkdiscard -f /dev/vda").Status);
        guest.Run("mount -o ro /dev/vda /mnt && umount /mnt");
        guest.PowerOff();
        Assert.Equal(before, Tool.Run("sha256sum", image));
    }

    [SkippableFact]
    public void Discard_gives_the_space_back_to_the_host()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", Size);
        using BlockBackend backend = BlockBackend.Create(scratch, "disk", new BackendOptions(image)).Start();
        using Guest guest = Guest.Boot(scratch, new GuestOptions { Disks = [new GuestDisk(backend)] });
        guest.Run("dd if=/dev/urandom of=/dev/vda bs=1M count=48 oflag=direct");
        long full = AllocatedBytes(image);
        Assert.InRange(full, 48 << 20, Size + (1 << 20));
        guest.Run("/bin/blkdiscard -o 8M -l 32M /dev/vda");
        Assert.InRange(AllocatedBytes(image), full - (33 << 20), full - (31 << 20));

        guest.Run("/bin/blkdiscard -f /dev/vda && mkfs.ext4 -q /dev/vda && mount /dev/vda /mnt && dd if=/dev/urandom of=/mnt/big bs=1M count=32 && sync");
        full = AllocatedBytes(image);
        guest.Run("rm /mnt/big && sync && /bin/fstrim /mnt && umount /mnt");
        Assert.InRange(AllocatedBytes(image), 0, full - (31 << 20));
        guest.AssertKernelContent();
        guest.PowerOff();
        Tool.Run("e2fsck", "-fn", image);
    }

    [SkippableFact]
    public void Write_zeroes_clears_what_it_names_and_nothing_else()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", Size);
        using BlockBackend backend = BlockBackend.Create(scratch, "disk", new BackendOptions(image)).Start();
        using Guest guest = Guest.Boot(scratch, new GuestOptions { Disks = [new GuestDisk(backend)] });
        guest.Run("""
            set -e
            [ "$(cat /sys/block/vda/queue/write_zeroes_max_bytes)" -gt 0 ]
            dd if=/dev/urandom of=/tmp/data bs=64K count=64
            dd if=/tmp/data of=/dev/vda bs=64K oflag=direct
            /bin/blkdiscard -z -o 69632 -l 1044480 /dev/vda
            dd if=/dev/zero of=/tmp/data bs=4096 seek=17 count=255 conv=notrunc
            echo 3 >/proc/sys/vm/drop_caches
            dd if=/dev/vda bs=64K count=64 iflag=direct | cmp - /tmp/data
            """);
        guest.AssertKernelContent();
        guest.PowerOff();
    }

    [SkippableFact]
    public void The_guest_sees_a_disk_that_grew()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", Size);
        using BlockBackend backend = BlockBackend.Create(scratch, "disk", new BackendOptions(image)).Start();
        using Guest guest = Guest.Boot(scratch, new GuestOptions { Disks = [new GuestDisk(backend)] });
        Assert.Equal($"{Size}", guest.Run("blockdev --getsize64 /dev/vda"));
        Tool.Run("truncate", "-s", $"{2 * Size}", image);

        guest.Run($"while [ $(blockdev --getsize64 /dev/vda) != {2 * Size} ]; do sleep 0.2; done", seconds: 20);
        guest.Run("dd if=/dev/urandom of=/tmp/x bs=4K count=1; dd if=/tmp/x of=/dev/vda bs=4K seek=32767 oflag=direct && dd if=/dev/vda bs=4K skip=32767 iflag=direct | cmp - /tmp/x");
        guest.AssertKernelContent();
        guest.PowerOff();
    }

    [SkippableFact]
    public void A_disk_comes_back_after_its_driver_was_unloaded_and_after_a_reboot()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", Size);
        using BlockBackend backend = BlockBackend.Create(scratch, "disk", new BackendOptions(image) { Queues = 2 }).Start();
        using Guest guest = Guest.Boot(scratch, new GuestOptions { Disks = [new GuestDisk(backend)], Cores = 2 });
        guest.Run("mkfs.ext4 -q /dev/vda && mount /dev/vda /mnt && echo one >/mnt/one && umount /mnt");
        guest.Run("""
            set -e
            for i in 1 2 3; do
              rmmod virtio_blk
              [ ! -e /dev/vda ]
              modprobe virtio_blk
              mount /dev/vda /mnt
              [ "$(cat /mnt/one)" = one ]
              echo $i >/mnt/$i
              umount /mnt
            done
            """);
        guest.AssertKernelContent();
        guest.Reboot();
        guest.Run("mount /dev/vda /mnt && [ \"$(cat /mnt/one /mnt/1 /mnt/2 /mnt/3 | tr '\\n' ' ')\" = 'one 1 2 3 ' ] && umount /mnt");
        guest.AssertKernelContent();
        guest.PowerOff();
        Tool.Run("e2fsck", "-fn", image);
    }

    private static long AllocatedBytes(string path) => long.Parse(Tool.Run("stat", "-c", "%b", path)) * 512;
}
