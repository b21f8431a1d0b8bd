namespace Makatea.EndToEnd;

/// <summary>Functions of a real Linux's VFIO: a guest with VT-d, in which our program, compiled ahead of time, takes an NVMe controller from its driver.</summary>
public sealed class VfioTests
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Category", "Guest")]
    public void A_controller_is_taken_driven_confined_and_given_back(bool hasIommufd)
    {
        using var scratch = new Scratch();
        using Guest guest = Boot(scratch, hasIommufd, "nvme,serial=probe,drive=disk,addr=5");
        guest.Run("modprobe -a vfio-pci vfio_iommu_type1");
        guest.Run("for i in $(seq 50); do [ -b /dev/nvme0n1 ] && exit 0; sleep 0.1; done; exit 1");

        // What is in use is left alone.
        guest.Run("mkfs.ext4 -q /dev/nvme0n1 && mkdir -p /mnt && mount /dev/nvme0n1 /mnt");
        (int status, string refusal) = guest.TryRun("vfioprobe probe 0000:00:05.0");
        Assert.NotEqual(0, status);
        Assert.Contains("nvme0n1 is mounted on /mnt; end that first", refusal, StringComparison.Ordinal);
        guest.Run("umount /mnt");

        string output = guest.Run("vfioprobe probe 0000:00:05.0");
        Assert.All(output.Split('\n'), line => Assert.StartsWith("ok: ", line, StringComparison.Ordinal));
        Assert.Contains("a component drives it (exit code 0)", output, StringComparison.Ordinal);
        Assert.Contains($"ok: the DMA space: {(hasIommufd ? "Iommufd" : "Container")}", output, StringComparison.Ordinal);
        Assert.Equal(3, output.Split("DMA to an address that was unmapped changes nothing").Length - 1);
        Assert.Contains("it was given back to nvme", output, StringComparison.Ordinal);

        // And the driver that has it again reads what it wrote before.
        guest.Run("for i in $(seq 50); do [ -b /dev/nvme0n1 ] && break; sleep 0.1; done; e2fsck -fn /dev/nvme0n1");

        // Linux saw what was out of bounds.
        Assert.Contains("DMAR: [DMA", guest.Run("dmesg | grep -i DMAR"), StringComparison.Ordinal);
        guest.PowerOff();
    }

    [SkippableFact]
    [Trait("Category", "Guest")]
    public void A_function_that_is_to_be_unplugged_is_let_go()
    {
        using var scratch = new Scratch();
        using Guest guest = Boot(scratch, hasIommufd: false, "pcie-root-port,id=root1,chassis=1", "nvme,id=disk1,serial=probe,drive=disk,bus=root1");
        guest.Run("modprobe -a vfio-pci vfio_iommu_type1");
        string address = guest.Run("for i in $(seq 50); do [ -b /dev/nvme0n1 ] && break; sleep 0.1; done; basename $(readlink -f /sys/class/nvme/nvme0/device)");
        guest.Start("removal", $"vfioprobe removal {address}");
        guest.Run("while ! grep -q holding /tmp/removal.log; do [ -s /tmp/removal.status ] && cat /tmp/removal.log && exit 1; sleep 0.1; done");
        guest.Monitor.Execute("device_del", new() { ["id"] = "disk1" });
        Assert.Contains("ok: the kernel asked for it", guest.Finish("removal"), StringComparison.Ordinal);
        guest.Run($"for i in $(seq 100); do [ -e /sys/bus/pci/devices/{address} ] || exit 0; sleep 0.1; done; exit 1");
        guest.PowerOff();
    }

    private static Guest Boot(Scratch scratch, bool hasIommufd, params string[] devices)
    {
        (string kernel, string initramfs) = GuestAssets.With("VfioProbe", hasIommufd);
        string image = scratch.Image("nvme.img", 64 << 20);
        return Guest.Boot(scratch, new GuestOptions
        {
            HasIommu = true,
            Kernel = kernel,
            Initramfs = initramfs,
            Arguments = ["-drive", $"if=none,id=disk,format=raw,file={image}", .. devices.SelectMany(d => new[] { "-device", d })],
        });
    }
}
