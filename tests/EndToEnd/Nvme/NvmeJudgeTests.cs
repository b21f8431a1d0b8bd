using Makatea.Domains.Storage;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.EndToEnd;

/// <summary>Linux's own NVMe driver as the judge: it reads what ours wrote, and ours reads what it wrote, on the same model of a controller.</summary>
[Trait("Category", "Guest")]
public sealed class NvmeJudgeTests
{
    private const int DiskLength = 192 << 20;
    private const int FileBlocks = 2048;
    private const int RawBlocks = 4096;

    /// <summary>Partitions for <c>sfdisk</c>.</summary>
    private const string Table = "label: gpt\nsize=96M, name=system\nsize=32M, name=patterns\nname=rest\n";

    private static readonly string[] _names = ["system", "patterns", "rest"];

    [SkippableTheory]
    [InlineData(512)]
    [InlineData(4096)]
    public void What_Linux_partitioned_formatted_and_wrote_is_read(int blockSize)
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", DiskLength);
        string sums;
        using (Guest guest = Boot(scratch, image, blockSize))
        {
            guest.Run($"""
                set -e
                printf '{Table.Replace("\n", "\\n")}' | sfdisk -q /dev/nvme0n1
                mkfs.ext4 -q -b 4096 /dev/nvme0n1p1 && mount /dev/nvme0n1p1 /mnt
                {NumberedBlocks.Script("file", FileBlocks)} >/mnt/numbers
                for i in $(seq 20); do head -c $((i * 12345)) /dev/urandom >/mnt/random$i; done
                {NumberedBlocks.Script("raw", RawBlocks)} | dd of=/dev/nvme0n1p2 bs=64k iflag=fullblock conv=fsync
                blkdiscard -o {100 * 4096} -l {50 * 4096} /dev/nvme0n1p2
                /bin/blkdiscard -z -o {200 * 4096} -l {50 * 4096} /dev/nvme0n1p2
                {NumberedBlocks.Script("again", 10)} | dd of=/dev/nvme0n1p2 bs=4k seek=120 iflag=fullblock conv=fsync,notrunc
                """);
            sums = guest.Run("rm /mnt/random7 && sync && fstrim /mnt && cd /mnt && sha256sum numbers random*");
            guest.Run("umount /mnt");
            guest.AssertKernelContent();
            guest.PowerOff();
        }

        using var disk = new NvmeDisk(image, blockSize);
        Assert.Equal(blockSize, disk.Namespace.Info.BlockSize);
        GptPartitionTable table = GptPartitionTable.Read(disk.Namespace, new LinuxHost());
        Assert.Null(table.PrimaryFault);
        Assert.Equal(_names, table.Partitions.Select(p => p.Name));

        // The second partition block by block.
        BlockDevice patterns = Open(disk, table, "patterns");
        byte[] expected = NumberedBlocks.Make("raw", RawBlocks);
        expected.AsSpan(100 * 4096, 50 * 4096).Clear();
        expected.AsSpan(200 * 4096, 50 * 4096).Clear();
        NumberedBlocks.Make("again", 10).CopyTo(expected, 120 * 4096);
        NumberedBlocks.AssertEqual(expected, disk.Read(patterns, 0, expected.Length), "patterns");

        // The first as the file system that it is, in a copy of what our driver read.
        BlockDevice system = Open(disk, table, "system");
        string copy = scratch.File("system.img");
        File.WriteAllBytes(copy, disk.Read(system, 0, (int)system.Info.SectorCount * BlockDevice.SectorSize));
        FileSystemCheck.CheckImage(scratch, copy, sums);
        Tool.Run("debugfs", "-R", $"dump /numbers {scratch.File("numbers")}", copy);
        NumberedBlocks.AssertEqual(NumberedBlocks.Make("file", FileBlocks), File.ReadAllBytes(scratch.File("numbers")), "numbers");
    }

    [SkippableTheory]
    [InlineData(512)]
    [InlineData(4096)]
    public void What_ours_wrote_is_read_by_Linux(int blockSize)
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", DiskLength);
        string files = Directory.CreateDirectory(scratch.File("files")).FullName;
        File.WriteAllBytes(Path.Combine(files, "numbers"), NumberedBlocks.Make("file", FileBlocks));
        string system = scratch.Image("system.img", 96 << 20);
        Tool.Run("mkfs.ext4", "-q", "-b", "4096", "-d", files, system);
        using (Guest guest = Boot(scratch, image, blockSize))
        {
            guest.Run($"printf '{Table.Replace("\n", "\\n")}' | sfdisk -q /dev/nvme0n1");
            guest.PowerOff();
        }

        using (var disk = new NvmeDisk(image, blockSize))
        {
            GptPartitionTable table = GptPartitionTable.Read(disk.Namespace, new LinuxHost());
            disk.Write(Open(disk, table, "system"), 0, File.ReadAllBytes(system));
            BlockDevice patterns = Open(disk, table, "patterns");
            disk.Write(patterns, 0, NumberedBlocks.Make("raw", RawBlocks));
            disk.Do(patterns, BlockOperation.Flush);
            disk.Do(patterns, BlockOperation.Discard, 100 * 4096, 50 * 4096);
            disk.Do(patterns, BlockOperation.WriteZeroes, 200 * 4096, 50 * 4096);
            disk.Do(patterns, BlockOperation.WriteZeroesUnmap, 300 * 4096, 50 * 4096);
            disk.Write(patterns, 120 * 4096, NumberedBlocks.Make("again", 10));
            disk.Do(patterns, BlockOperation.Flush);
        }

        using Guest judge = Boot(scratch, image, blockSize);
        judge.Run($"""
            e2fsck -fn /dev/nvme0n1p1 && mount -o ro /dev/nvme0n1p1 /mnt
            {NumberedBlocks.Script("file", FileBlocks)} | cmp - /mnt/numbers
            """);
        judge.Run($"""
            {NumberedBlocks.Script("raw", RawBlocks)} >/tmp/expected
            for hole in 100 200 300; do dd if=/dev/zero of=/tmp/expected bs=4k seek=$hole count=50 conv=notrunc; done
            {NumberedBlocks.Script("again", 10)} | dd of=/tmp/expected bs=4k seek=120 iflag=fullblock conv=notrunc
            head -c {RawBlocks * 4096} /dev/nvme0n1p2 | cmp - /tmp/expected
            """);
        judge.Run("umount /mnt");
        judge.AssertKernelContent();
        judge.PowerOff();
    }

    private static PartitionDevice Open(NvmeDisk disk, GptPartitionTable table, string name)
    {
        GptPartition partition = table.Find(name);
        return new PartitionDevice(disk.Namespace, partition.FirstSector, partition.SectorCount);
    }

    private static Guest Boot(Scratch scratch, string image, int blockSize)
    {
        Guest guest = Guest.Boot(scratch, new GuestOptions { Arguments = ["-blockdev", NvmeDisk.BlockNode(image), "-device", NvmeDisk.Device(blockSize)] });
        guest.Run("for i in $(seq 50); do [ -b /dev/nvme0n1 ] && exit 0; sleep 0.1; done; exit 1");
        Assert.Equal("nvme", guest.Run("basename $(readlink /sys/class/nvme/nvme0/device/driver)"));
        return guest;
    }
}
