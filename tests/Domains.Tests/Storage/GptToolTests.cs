using System.Diagnostics;

namespace Makatea.Domains.Storage.Tests;

/// <summary>Tables that the tools of Linux write.</summary>
public sealed class GptToolTests : IDisposable
{
    private const string HowToGet = "is missing; get it with: apt-get install fdisk gdisk";
    private readonly string _image = Path.GetTempFileName();

    [SkippableFact]
    public void A_table_of_sgdisk_is_read_and_its_backup_after_the_primary_was_wiped()
    {
        Make(8 << 20);
        Run("sgdisk", "-n 1:2048:4095 -c 1:boot -n 2:4096:+2M -c 2:root -u 2:6b5b37ef-5a83-4c8f-9c6b-bfdc3d7d1f27 -n 9:0:0 -t 9:8200", _image);
        Check(File.ReadAllBytes(_image), null);

        byte[] wiped = File.ReadAllBytes(_image);
        wiped.AsSpan(512, 33 * 512).Clear();
        Check(wiped, "EFI PART");

        static void Check(byte[] bytes, string? fault)
        {
            using MemoryDevice disk = Disks.Of(bytes);
            GptPartitionTable table = GptPartitionTable.Read(disk, NoHost.Instance);
            Assert.Equal(fault is null, table.PrimaryFault is null);
            Assert.Equal(
                [(1, "boot", 2048ul, 2048ul), (2, "root", 4096ul, 4096ul), (9, "", 8192ul, 8159ul)],
                table.Partitions.Select(p => (p.Number, p.Name, p.FirstSector, p.SectorCount)));
            Assert.Equal(2, table.Find("6b5b37ef-5a83-4c8f-9c6b-bfdc3d7d1f27").Number);
            Assert.Equal(new Guid("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"), table.Find("9").Type);
        }
    }

    [SkippableFact]
    public void A_table_of_sfdisk_is_read()
    {
        Make(16 << 20);
        Run("sfdisk", "-q", _image, "label: gpt\nstart=4MiB, size=2MiB, name=\"Räksmörgås\"\nstart=8MiB, size=1MiB, name=swap\n");
        using MemoryDevice disk = Disks.Of(File.ReadAllBytes(_image));
        GptPartitionTable table = GptPartitionTable.Read(disk, NoHost.Instance);

        Assert.Equal([("Räksmörgås", 8192ul, 4096ul), ("swap", 16384ul, 2048ul)], table.Partitions.Select(p => (p.Name, p.FirstSector, p.SectorCount)));
    }

    [SkippableTheory]
    [InlineData(4096)]
    [InlineData(512)]
    public void A_table_of_fdisk_for_blocks_of_4096_bytes_is_read_on_disks_of_either_block_size(int deviceBlockSize)
    {
        Make(16 << 20);
        Run("fdisk", "-b 4096", _image, "g\nn\n5\n1024\n2047\nw\n");
        using MemoryDevice disk = Disks.Of(File.ReadAllBytes(_image), deviceBlockSize);
        GptPartitionTable table = GptPartitionTable.Read(disk, NoHost.Instance);

        Assert.Null(table.PrimaryFault);
        Assert.Equal(4096, table.BlockSize);
        Assert.Equal([(5, 8192ul, 8192ul)], table.Partitions.Select(p => (p.Number, p.FirstSector, p.SectorCount)));
    }

    [SkippableFact]
    public void A_disk_with_an_MBR_of_sfdisk_is_refused()
    {
        Make(8 << 20);
        Run("sfdisk", "-q", _image, "label: dos\nstart=2048, size=2048, type=83\n");
        using MemoryDevice disk = Disks.Of(File.ReadAllBytes(_image));
        Assert.Contains("protective", Assert.Throws<GptException>(() => GptPartitionTable.Read(disk, NoHost.Instance)).Message);
    }

    public void Dispose() => File.Delete(_image);

    private void Make(long length)
    {
        using FileStream file = File.Open(_image, FileMode.Create);
        file.SetLength(length);
    }

    private static void Run(string tool, string options, string image, string input = "")
    {
        string? path = new[] { "/usr/sbin", "/sbin", "/usr/bin" }.Select(d => Path.Combine(d, tool)).FirstOrDefault(File.Exists);
        Skip.If(path is null, $"{tool} {HowToGet}");
        using var process = Process.Start(new ProcessStartInfo(path!, $"{options} {image}") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["LC_ALL"] = "C.UTF-8" } })!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{tool} {options}: {output}");
    }
}
