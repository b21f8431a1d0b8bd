using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>Devices with contents.</summary>
internal static class Disks
{
    public static MemoryDevice Of(ReadOnlySpan<byte> bytes, int blockSize = 512)
    {
        var memory = new HeapMemory(bytes.Length);
        bytes.CopyTo(memory.Slice(0, bytes.Length).AsSpan());
        return new MemoryDevice(memory, blockSize);
    }

    public static byte[] Read(BlockDevice device, ulong sector, int count)
    {
        using var driver = new QueueDriver(device, 1);
        byte[] data = new byte[count * 512];
        for (int done = 0; done < count; done += 128)
        {
            int part = Math.Min(128, count - done);
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Read, sector + (ulong)done, (uint)part, data.AsSpan(done * 512, part * 512)));
        }

        return data;
    }
}
