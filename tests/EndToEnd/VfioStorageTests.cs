using Makatea.BlockStress;

namespace Makatea.EndToEnd;

/// <summary>The storage domain on an NVMe controller of its own: in a guest with VT-d, through VFIO, compiled ahead of time. The host looks at the image afterwards.</summary>
public sealed class VfioStorageTests
{
    private const int Blocks = 4096;
    private const int FewBlocks = 512;
    private const ulong Seed = 20_26;
    private const uint LastGeneration = 2;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Category", "Guest")]
    public void The_storage_domain_drives_a_controller_through_VFIO_and_the_image_holds_what_was_written(bool hasIommufd)
    {
        using var scratch = new Scratch();
        string image = scratch.Image("nvme.img", 64 << 20);
        using (Guest guest = Boot(scratch, image, hasIommu: true, hasIommufd))
        {
            // Nothing is taken unasked, or that is in use.
            Assert.Contains("0000:00:05.0 is nvme's; to take it for as long as the system runs: makatea up x.yaml --bind", guest.TryRun("vfiostorage take 0000:00:05.0").Output, StringComparison.Ordinal);
            guest.Run("mkfs.ext4 -q /dev/nvme0n1 && mkdir -p /mnt && mount /dev/nvme0n1 /mnt");
            Assert.Contains("0000:00:05.0 is in use: nvme0n1 is mounted on /mnt; end that first", guest.TryRun("vfiostorage take 0000:00:05.0 --bind").Output, StringComparison.Ordinal);
            guest.Run("umount /mnt");

            // What a killed manager left stays where it is, and can be given back when nobody has it any more.
            guest.Start("taker", "vfiostorage take 0000:00:05.0 --bind & echo $! >/tmp/taker.pid; wait");
            guest.Run("while ! grep -q taken /tmp/taker.log; do [ -s /tmp/taker.status ] && cat /tmp/taker.log && exit 1; sleep 0.1; done");
            Assert.Contains("; another process has it", guest.TryRun("vfiostorage take 0000:00:05.0").Output, StringComparison.Ordinal);
            if (hasIommufd)
            {
                // As on a kernel that has neither containers nor groups.
                guest.Run("rm /dev/vfio/vfio /dev/vfio/[0-9]*");
            }

            Assert.Contains("a process has its IOMMU group", guest.TryRun("vfiostorage give-back 0000:00:05.0").Output, StringComparison.Ordinal);
            guest.Run("kill -9 $(cat /tmp/taker.pid); while [ ! -s /tmp/taker.status ]; do sleep 0.1; done");
            Assert.Contains("vfio-pci", guest.Run("readlink /sys/bus/pci/devices/0000:00:05.0/driver"), StringComparison.Ordinal);
            Assert.Contains("0000:00:05.0 is nvme's now", guest.Run("vfiostorage give-back 0000:00:05.0"), StringComparison.Ordinal);
            WaitForDisk(guest);

            string output = guest.Run($"vfiostorage run 0000:00:05.0 {Seed} {Blocks} --bind 2>&1", 240);
            Assert.All(output.Split('\n'), line => Assert.StartsWith("ok: ", line, StringComparison.Ordinal));
            string through = hasIommufd ? "keeps 0000:00:05.0 to what its domain maps, through iommufd" : "keeps 0000:00:05.0 to what its domain maps, through a VFIO container";
            foreach (string part in new[] { through, "the guest's memory is the device's to reach", "is raised on processor", "killed in the middle of writes", "gave 0000:00:05.0 back to nvme" })
            {
                Assert.Contains(part, output, StringComparison.Ordinal);
            }

            // Nothing reached for what was not granted: not the domain, and not what the killed one had asked for.
            Assert.DoesNotContain("DMAR: [DMA", guest.Run("dmesg"), StringComparison.Ordinal);

            // Linux's own driver reads what ours wrote.
            WaitForDisk(guest);
            string sum = guest.Run($"dd if=/dev/nvme0n1 bs=4096 count={Blocks} 2>/dev/null | sha256sum").Split(' ')[0];
            Assert.Equal(sum, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(image).AsSpan(0, Blocks * BlockContent.Size))));
            guest.PowerOff();
        }

        CheckImage(image, Blocks);
    }

    [SkippableFact]
    [Trait("Category", "Guest")]
    public void Without_an_IOMMU_a_controller_is_driven_only_where_the_user_allows_it()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("nvme.img", 64 << 20);
        using (Guest guest = Boot(scratch, image, hasIommu: false, hasIommufd: false))
        {
            string refusal = guest.TryRun("vfiostorage take 0000:00:05.0 --bind").Output;
            Assert.Contains("refused: 0000:00:05.0 is in no IOMMU group: nothing would keep the device", refusal, StringComparison.Ordinal);
            Assert.Contains("makatea up x.yaml --allow-unprotected", refusal, StringComparison.Ordinal);
            Assert.Contains("0000:00:05.0 is nvme's; to take it", guest.TryRun("vfiostorage take 0000:00:05.0 --allow-unprotected").Output, StringComparison.Ordinal);
            Assert.Contains("nr_hugepages", guest.TryRun($"vfiostorage run 0000:00:05.0 {Seed} {FewBlocks} --bind --allow-unprotected 2>&1").Output, StringComparison.Ordinal);
            WaitForDisk(guest);

            guest.Run("echo 32 >/proc/sys/vm/nr_hugepages");
            string output = guest.Run($"vfiostorage run 0000:00:05.0 {Seed} {FewBlocks} --bind --allow-unprotected 2>&1", 240);
            Assert.Contains("ok: WARNING: nothing keeps 0000:00:05.0 from any memory of this machine", output, StringComparison.Ordinal);
            Assert.Contains("killed in the middle of writes", output, StringComparison.Ordinal);
            Assert.Contains("gave 0000:00:05.0 back to nvme", output, StringComparison.Ordinal);
            guest.PowerOff();
        }

        CheckImage(image, FewBlocks);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Category", "Guest")]
    public void A_controller_that_is_pulled_under_load_ends_requests_with_errors_and_is_let_go_of(bool hasIommufd)
    {
        using var scratch = new Scratch();
        string image = scratch.Image("nvme.img", 64 << 20);
        using Guest guest = Boot(scratch, image, hasIommu: true, hasIommufd, "pcie-root-port,id=root1,chassis=1", "nvme,id=disk1,serial=probe,drive=disk,bus=root1");
        string address = guest.Run("basename $(readlink -f /sys/class/nvme/nvme0/device)");
        guest.Start("pull", $"vfiostorage pull {address}");
        guest.Run("while ! grep -q writing /tmp/pull.log; do [ -s /tmp/pull.status ] && cat /tmp/pull.log && exit 1; sleep 0.1; done");
        guest.Monitor.Execute("device_del", new() { ["id"] = "disk1" });
        string output = guest.Finish("pull");
        Assert.All(output.Split('\n'), line => Assert.StartsWith("ok: ", line, StringComparison.Ordinal));
        Assert.Contains("the kernel has taken it away, and the domain lives", output, StringComparison.Ordinal);
        Assert.Contains($"ok: {address} was unplugged", output, StringComparison.Ordinal);
        guest.PowerOff();
    }

    private static Guest Boot(Scratch scratch, string image, bool hasIommu, bool hasIommufd, params string[] devices)
    {
        (string kernel, string initramfs) = GuestAssets.With("VfioStorage", hasIommufd);
        devices = devices.Length > 0 ? devices : ["nvme,serial=probe,drive=disk,addr=5"];
        var guest = Guest.Boot(scratch, new GuestOptions
        {
            HasIommu = hasIommu,
            Cores = 2,
            Kernel = kernel,
            Initramfs = initramfs,
            Arguments = ["-drive", $"if=none,id=disk,format=raw,file={image}", .. devices.SelectMany(d => new[] { "-device", d })],
        });
        guest.Run("modprobe -a vfio-pci vfio_iommu_type1");
        WaitForDisk(guest);
        return guest;
    }

    private static void WaitForDisk(Guest guest) => guest.Run("for i in $(seq 50); do [ -b /dev/nvme0n1 ] && exit 0; sleep 0.1; done; exit 1");

    private static void CheckImage(string image, int blocks)
    {
        byte[] expected = new byte[BlockContent.Size];
        byte[] block = new byte[BlockContent.Size];
        using FileStream file = File.OpenRead(image);
        for (int i = 0; i < blocks; i++)
        {
            file.ReadExactly(block);
            Assert.Null(BlockContent.Check(block, expected, Seed, i, LastGeneration));
        }
    }
}
