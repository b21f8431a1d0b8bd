using Makatea.BlockContract;

namespace Makatea.Platform.Linux.Tests;

/// <summary>What child processes do to disks, until they are killed.</summary>
internal static class DiskScenarios
{
    internal const int Depth = 32;
    internal const int BlockLength = 4096;

    /// <summary>
    /// Writes blocks of <c>round</c> over the first half of the file and flushes, says so and goes on with the next round; and all the time writes noise to the
    /// other half, as many requests at once as go in.
    /// </summary>
    internal static int WriteAndFlush(string path, string engine)
    {
        using FileBlockDevice device = FileBlockDevice.Open(path, new() { Engine = Enum.Parse<FileEngine>(engine) });
        using QueueDriver noise = new(device, Depth, new LinuxHost());
        using QueueDriver driver = new(device, 1, new LinuxHost());
        int blocks = (int)(device.Info.SectorCount / (BlockLength / 512));
        byte[] data = new byte[BlockLength];
        Random random = new(1);
        for (byte round = 1; round < 200; round++)
        {
            for (int block = 0; block < blocks / 2; block++)
            {
                while (noise.FreeTag() is int tag and >= 0)
                {
                    noise.Submit(noise.Prepare(tag, BlockOperation.Write, (ulong)random.Next(blocks / 2, blocks) * 8, 8));
                }

                data.AsSpan().Fill(round);
                Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, (ulong)block * 8, 8, data));
                noise.Poll(new BlockCompletion[Depth]);
            }

            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
            Console.WriteLine($"flushed {round}");
        }

        return 0;
    }

    /// <summary>Opens a disk where io_uring is forbidden, and uses it.</summary>
    internal static int WithoutIoUring(string path)
    {
        SandboxSeal.Apply();
        using FileBlockDevice device = FileBlockDevice.Open(path, new() { Notice = Console.WriteLine });
        using QueueDriver driver = new(device, 8, new LinuxHost());
        byte[] data = TestDisk.Pattern(BlockLength, 7);
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Write, 8, 8, data));
        Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        Console.WriteLine($"engine {device.Engine}");
        IOException e = Assert.Throws<IOException>(() => FileBlockDevice.Open(path, new() { Engine = FileEngine.IoUring, Locking = FileLocking.None }).OpenQueue(1));
        Console.WriteLine($"explicitly: {e.Message}");
        return 0;
    }
}
