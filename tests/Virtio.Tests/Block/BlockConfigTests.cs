using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio.Block;

namespace Makatea.Virtio.Tests.Block;

/// <summary>Configuration space and features of [VIRTIO-1.3] 5.2.3 to 5.2.5.</summary>
public sealed class BlockConfigTests
{
    private static readonly BlockDeviceInfo _info = new()
    {
        SectorCount = 0x1234_5678_9a,
        BlockSize = 512,
        PhysicalBlockSize = 4096,
        OptimalIoSize = 65536,
        DiscardGranularity = 4096,
        SupportsWriteZeroes = true,
        SupportsSecureErase = true,
    };

    [Fact]
    public void Fields_are_at_their_offsets()
    {
        using VirtioBlockDevice device = new(new OddDevice(_info), new VirtioBlockOptions { Name = "d", QueueCount = 4 });
        byte[] config = new byte[device.ConfigLength];
        device.ReadConfig(0, config);
        Assert.Equal(72, config.Length);
        Assert.Equal(0x1234_5678_9aul, BinaryPrimitives.ReadUInt64LittleEndian(config));
        Assert.Equal(126u, U32(config, 12));
        Assert.Equal(512u, U32(config, 20));
        Assert.Equal(3, config[24]);
        Assert.Equal(0, config[25]);
        Assert.Equal(8, BinaryPrimitives.ReadUInt16LittleEndian(config.AsSpan(26)));
        Assert.Equal(128u, U32(config, 28));
        Assert.Equal(1, config[32]);
        Assert.Equal(0, config[33]);
        Assert.Equal(4, BinaryPrimitives.ReadUInt16LittleEndian(config.AsSpan(34)));
        Assert.Equal((1u << 21, 1u, 8u), (U32(config, 36), U32(config, 40), U32(config, 44)));
        Assert.Equal((1u << 21, 1u, 1), (U32(config, 48), U32(config, 52), config[56]));
        Assert.Equal((1u << 21, 1u, 1u), (U32(config, 60), U32(config, 64), U32(config, 68)));
    }

    [Theory]
    [InlineData(0, 256)]
    [InlineData(70, 8)]
    [InlineData(72, 4)]
    [InlineData(int.MaxValue, 4)]
    public void Reads_beyond_the_end_are_zero(int offset, int length)
    {
        using VirtioBlockDevice device = new(new OddDevice(_info), new VirtioBlockOptions { Name = "d" });
        byte[] read = new byte[length];
        read.AsSpan().Fill(0xff);
        device.ReadConfig(offset, read);
        int inside = Math.Clamp(device.ConfigLength - offset, 0, length);
        Assert.Equal(-1, read.AsSpan(inside).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Only_writeback_is_writable_and_only_where_negotiated()
    {
        using VirtioBlockDevice device = new(new OddDevice(_info), new VirtioBlockOptions { Name = "d" });
        Assert.False(device.WriteConfig(32, [0], 0));
        Assert.False(device.WriteConfig(32, [2], device.Features));
        Assert.False(device.WriteConfig(32, [0, 0], device.Features));
        Assert.False(device.WriteConfig(0, [0], device.Features));
        Assert.True(device.WriteConfig(32, [0], device.Features));
        byte[] writeback = new byte[1];
        device.ReadConfig(32, writeback);
        Assert.Equal(0, writeback[0]);
    }

    [Fact]
    public void The_write_cache_stays_as_the_driver_chose_for_the_next_component()
    {
        using Grant memory = new LinuxHost().CreateMemory("write cache", 4096);
        bool[] seen = new bool[4];
        for (int i = 0; i < seen.Length; i++)
        {
            using VirtioBlockDevice device = new(new OddDevice(_info), new VirtioBlockOptions { Name = "d" }, memory.Map(0, 1, MemoryAccess.ReadWrite));
            seen[i] = device.IsWriteback;
            Assert.True(device.WriteConfig(32, [(byte)(i == 1 ? 1 : 0)], device.Features));
        }

        Assert.Equal([true, false, true, false], seen);
    }

    [Fact]
    public void What_nobody_wrote_there_is_no_write_cache()
    {
        using Grant memory = new LinuxHost().CreateMemory("write cache", 4096);
        using MappedMemory mapped = memory.Map(0, 1, MemoryAccess.ReadWrite);
        mapped.Slice(0, 1).AsSpan()[0] = 77;
        using VirtioBlockDevice device = new(new OddDevice(_info), new VirtioBlockOptions { Name = "d" }, memory.Map(0, 1, MemoryAccess.ReadWrite));
        Assert.False(device.IsWriteback);
    }

    [Fact]
    public void Features_follow_what_the_device_below_does()
    {
        using VirtioBlockDevice all = new(new OddDevice(_info), new VirtioBlockOptions { Name = "d", QueueCount = 2 });
        const ulong optional = BlockFeatures.Discard | BlockFeatures.WriteZeroes | BlockFeatures.SecureErase | BlockFeatures.MultiQueue | BlockFeatures.ConfigWriteCache;
        Assert.Equal(optional, all.Features & optional);
        using VirtioBlockDevice plain = new(
            new OddDevice(new BlockDeviceInfo { SectorCount = 8, HasVolatileCache = false }), new VirtioBlockOptions { Name = "d" });
        Assert.Equal(0ul, plain.Features & (optional | BlockFeatures.ReadOnly | BlockFeatures.Lifetime));

        // 5.2.5.2: devices always offer FLUSH.
        Assert.NotEqual(0ul, plain.Features & BlockFeatures.Flush);
    }

    [Fact]
    public void Resize_changes_capacity_and_tells()
    {
        OddDevice disk = new(_info);
        using VirtioBlockDevice device = new(disk, new VirtioBlockOptions { Name = "d" });
        int told = 0;
        device.ConfigChanged += () => told++;
        disk.Resize(77);
        byte[] capacity = new byte[8];
        device.ReadConfig(0, capacity);
        Assert.Equal(77ul, BinaryPrimitives.ReadUInt64LittleEndian(capacity));
        Assert.Equal(1, told);
        Assert.True(device.Limits.Contains(76, 1));
        Assert.False(device.Limits.Contains(77, 1));
    }

    [Theory]
    [InlineData("123456789012345678901", 1, 256)]
    [InlineData("é", 1, 256)]
    [InlineData("", 0, 256)]
    [InlineData("", 257, 256)]
    [InlineData("", 1, 100)]
    [InlineData("", 1, 1)]
    public void Wrong_options_are_refused(string serial, int queues, int queueSize)
    {
        VirtioBlockOptions options = new() { Name = "d", Serial = serial, QueueCount = queues, MaxQueueSize = (ushort)queueSize };
        Assert.Throws<ArgumentException>(() => new VirtioBlockDevice(new OddDevice(_info), options));
    }

    private static uint U32(byte[] bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset));
}
