namespace Makatea.EndToEnd;

/// <summary>What fails below reaches the guest as an I/O error, and all else goes on.</summary>
[Trait("Category", "Guest")]
public sealed class FaultTests
{
    private const long Size = 64 << 20;

    [SkippableFact]
    public void A_file_that_shrinks_is_an_IO_error_where_it_is_gone_and_works_elsewhere()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", Size);
        using BlockBackend backend = BlockBackend.Create(scratch, "disk", new BackendOptions(image)).Start();
        using BlockBackend other = BlockBackend.Create(scratch, "other", new BackendOptions(scratch.Image("other.img", Size))).Start();
        using Guest guest = Guest.Boot(scratch, new GuestOptions { Disks = [new GuestDisk(backend), new GuestDisk(other)] });
        guest.Run("dd if=/dev/urandom of=/tmp/data bs=1M count=4; dd if=/tmp/data of=/dev/vda bs=1M oflag=direct");
        Tool.Run("truncate", "-s", $"{Size / 2}", image);

        (int status, string output) = guest.TryRun("dd if=/dev/vda of=/dev/null bs=4K skip=12288 count=16 iflag=direct");
        Assert.NotEqual(0, status);
        Assert.Contains("error", output, StringComparison.OrdinalIgnoreCase);
        guest.Run("dd if=/dev/vda bs=1M count=4 iflag=direct | cmp - /tmp/data");
        guest.Run("dd if=/tmp/data of=/dev/vdb bs=1M oflag=direct && dd if=/dev/vdb bs=1M count=4 iflag=direct | cmp - /tmp/data");
        guest.PowerOff();
    }

    [SkippableFact]
    public void A_full_host_is_an_IO_error_and_the_guest_goes_on_when_there_is_room_again()
    {
        using var scratch = new Scratch();
        Skip.If(Tool.TryRun(TimeSpan.FromSeconds(5), "unshare", "-rm", "true").Status != 0,
            "the kernel allows no user namespaces: sysctl kernel.unprivileged_userns_clone=1, or run as root");

        // The backend has a mount namespace of its own, with a file system that is smaller than the disk.
        string mount = scratch.File("small");
        Directory.CreateDirectory(mount);
        string image = Path.Combine(mount, "disk.img");
        string script = $"mount -t tmpfs -o size=24M small {mount} && truncate -s {Size} {image} && dd if=/dev/zero of={mount}/ballast bs=1M count=4 2>/dev/null && exec \"$@\"";
        var options = new BackendOptions(image) { Wrapper = ["unshare", "-rm", "sh", "-c", script, "sh"] };
        using BlockBackend backend = BlockBackend.Create(scratch, "disk", options).Start();
        using Guest guest = Guest.Boot(scratch, new GuestOptions { Disks = [new GuestDisk(backend)] });
        (int status, string output) = guest.TryRun("dd if=/dev/urandom of=/dev/vda bs=1M count=32 oflag=direct");
        Assert.NotEqual(0, status);
        Assert.Contains("error", output, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("I/O error", guest.Run("dmesg"), StringComparison.OrdinalIgnoreCase);

        // What was written before can be read, and after making room writing works again.
        guest.Run("dd if=/dev/vda of=/dev/null bs=1M count=16 iflag=direct");
        Tool.Run("nsenter", "-t", $"{backend.Process.Id}", "-U", "-m", "--preserve-credentials", "rm", Path.Combine(mount, "ballast"));
        guest.Run("dd if=/dev/urandom of=/tmp/data bs=1M count=2; dd if=/tmp/data of=/dev/vda bs=1M seek=40 oflag=direct && dd if=/dev/vda bs=1M skip=40 count=2 iflag=direct | cmp - /tmp/data");
        guest.PowerOff();
    }
}
