using System.Security.Cryptography;

namespace Makatea.EndToEnd;

/// <summary>A guest makes a file system, writes, reads again without its cache and powers off; the image is then checked from outside.</summary>
internal static class FileSystemCheck
{
    private const int Files = 8;

    /// <summary>Runs it on /dev/vda.</summary>
    public static void Run(Scratch scratch, GuestDisk disk, int cores = 1, bool expectPacked = false)
    {
        using Guest guest = Guest.Boot(scratch, new GuestOptions { Disks = [disk], Cores = cores });
        guest.AssertNegotiated("virtio0", disk, cores, expectPacked);
        guest.Run("mkfs.ext4 -q -O metadata_csum /dev/vda && mount /dev/vda /mnt");
        string written = guest.Run($"""
            cd /mnt
            for i in $(seq {Files}); do dd if=/dev/urandom of=file$i bs=64K count=$((i * 8)) 2>/dev/null & done
            wait
            mkdir tree && for i in $(seq 100); do echo $i >tree/$i; done
            sync
            sha256sum file*
            """);
        string read = guest.Run("echo 3 >/proc/sys/vm/drop_caches; cd /mnt; sha256sum file*");
        Assert.Equal(written, read);
        Assert.Equal(Files, written.Split('\n').Length);
        guest.Run("umount /mnt");
        guest.AssertKernelContent();
        guest.PowerOff();
        CheckImage(scratch, disk.Backend.Options.Image, written);
    }

    /// <summary>Checks the file system of an image, and that its files have the checksums of <c>sha256sum</c>'s lines.</summary>
    public static void CheckImage(Scratch scratch, string image, string checksums)
    {
        Tool.Run("e2fsck", "-fn", image);
        foreach (string line in checksums.Split('\n'))
        {
            string[] parts = line.Split("  ");
            string copy = scratch.File("dump");
            Tool.Run("debugfs", "-R", $"dump /{parts[1]} {copy}", image);
            Assert.Equal(parts[0], Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(copy))));
        }
    }
}
