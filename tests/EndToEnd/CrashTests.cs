using System.Globalization;

namespace Makatea.EndToEnd;

/// <summary>The backend dies at any moment; its guest must not notice more than a pause.</summary>
[Trait("Category", "Guest")]
public sealed class CrashTests
{
    private const int Kills = 20;
    private const int Depth = 32;

    [SkippableTheory]
    [InlineData(1, 1)]
    [InlineData(2, 2, "packed=on")]
    public void Nothing_is_lost_or_done_twice_when_the_backend_is_killed_in_the_middle_of_random_writes(int queues, int cores, params string[] properties)
    {
        using var scratch = new Scratch();
        using BlockBackend backend = BlockBackend.Create(scratch, "disk", new BackendOptions(scratch.Image("disk.img", 256 << 20)) { Queues = queues }).Start();
        using Guest guest = Guest.Boot(scratch, new GuestOptions { Disks = [new GuestDisk(backend, properties)], Cores = cores });
        var random = new Random(queues);
        guest.Start("stress", $"/bin/blockstress /dev/vda {Depth} {random.Next()} /tmp/stop");
        for (int kill = 0; kill < Kills; kill++)
        {
            // Writes go on after the last restart: only then is the next kill one in the middle of them.
            long before = Writes(guest);
            Deadline.Wait($"writes after {kill} kills; the backend printed:\n{backend.Log}", 30, () => Writes(guest) > before);
            Thread.Sleep(random.Next(300));
            backend.Kill();
            Thread.Sleep(random.Next(50));
            backend.Start();
        }

        guest.Run("touch /tmp/stop");
        Assert.Contains("verified:", guest.Finish("stress"), StringComparison.Ordinal);
        guest.AssertKernelContent();
        string inGuest = guest.Run("echo 3 >/proc/sys/vm/drop_caches; sha256sum </dev/vda", 120).Split(' ')[0];
        guest.PowerOff();
        Assert.Equal(inGuest, Tool.Run("sha256sum", backend.Options.Image).Split(' ')[0]);
    }

    [SkippableFact]
    public void What_was_flushed_is_in_the_image_after_backend_and_guest_die()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", 64 << 20);
        using BlockBackend backend = BlockBackend.Create(scratch, "disk", new BackendOptions(image)).Start();
        using Guest guest = Guest.Boot(scratch, new GuestOptions { Disks = [new GuestDisk(backend)] });
        string sum = guest.Run("""
            mkfs.ext4 -q /dev/vda && mount /dev/vda /mnt && cd /mnt &&
            dd if=/dev/urandom of=data bs=1M count=16 conv=fsync 2>/dev/null && sha256sum data
            """);
        backend.Kill();
        guest.Kill();

        // The journal is replayed, as at the next mount.
        (int status, string output) = Tool.TryRun(TimeSpan.FromMinutes(1), "e2fsck", "-fy", image);
        Assert.True(status is 0 or 1, output);
        FileSystemCheck.CheckImage(scratch, image, sum);
    }

    private static long Writes(Guest guest) =>
        long.TryParse(guest.Run("tail -n 1 /tmp/stress.log"), CultureInfo.InvariantCulture, out long writes) ? writes : 0;
}
