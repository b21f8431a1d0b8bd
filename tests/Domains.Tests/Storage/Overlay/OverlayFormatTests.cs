using System.Buffers.Binary;
using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>The format on storage, and what is not of it.</summary>
[Trait("Category", "Long")]
public sealed class OverlayFormatTests
{
    private const int BaseLength = 300 << 20;
    private readonly LastingMemory _image = new((int)OverlayDevice.StorageLength(64 << 20));

    [Fact]
    public void Layout_of_version_1()
    {
        OverlayFormat format = OverlayFormat.For(BaseLength / 512, 512, 512);
        Assert.Equal((4096, 4096, 4096ul), (format.GrainSize, format.PageSize, format.MapOffset));
        Assert.Equal(76800, format.Grains);
        Assert.Equal(3 * 4096, format.MapLength);
        Assert.Equal(1ul << 20, format.DataOffset);
        Assert.Equal((ulong)BaseLength + (1 << 20), OverlayDevice.StorageLength(BaseLength));
        Assert.Equal((ulong)(3 * 4096) + 4096, OverlayDevice.MapLength(BaseLength));

        OverlayFormat large = OverlayFormat.For(1ul << 41, 65536, 4096);
        Assert.Equal((65536, 4096), (large.GrainSize, large.PageSize));
        Assert.Equal(1L << 34, large.Grains);
        Assert.Equal(1L << 31, large.MapLength);
    }

    [Fact]
    public void Header_and_map_of_version_1()
    {
        using (OverlayDevice device = Open(OverlayMode.Kept))
        {
            using var driver = new QueueDriver(device, 1);
            driver.Execute(BlockOperation.Write, 3 * 8, 8, Overlays.Filled(9, 8));
            driver.Execute(BlockOperation.Write, 70 * 8, 8, Overlays.Filled(9, 8));
            driver.Execute(BlockOperation.Flush, 0, 0);
        }

        Span<byte> bytes = _image.Bytes;
        Assert.Equal("MKOVERLY"u8.ToArray(), bytes[..8].ToArray());
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]));
        Assert.Equal(4096u, BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]));
        Assert.Equal(131072ul, BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]));
        Assert.Equal(4096ul, BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]));
        Assert.Equal(1048576ul, BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]));
        Assert.NotEqual(Guid.Empty, new Guid(bytes.Slice(40, 16)));
        Assert.Equal(Crc32.Of(bytes[..64]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[64..]));
        Assert.Equal([0x08, 0, 0, 0, 0, 0, 0, 0, 0x40], bytes.Slice(4096, 9).ToArray());
        Assert.False(bytes[4105..(1 << 20)].ContainsAnyExcept((byte)0));
        Assert.Equal(9, bytes[(1 << 20) + (70 * 4096)]);
    }

    [Fact]
    public void Crc32_is_that_of_the_standards() => Assert.Equal(0xCBF43926, Crc32.Of("123456789"u8));

    [Theory]
    [InlineData(0, "does not start as an overlay does")]
    [InlineData(8, "its version is")]
    [InlineData(20, "CRC-32")]
    [InlineData(64, "CRC-32")]
    public void A_header_that_was_changed_is_refused(int offset, string message)
    {
        Open(OverlayMode.Kept).Dispose();
        _image.Bytes[offset]++;
        Refused(message, () => Open(OverlayMode.Kept));
    }

    [Fact]
    public void A_base_of_another_size_or_with_other_contents_is_refused()
    {
        Open(OverlayMode.Kept).Dispose();
        Refused("was made for a base of 131072 sectors, and the base has 131064", () => Open(OverlayMode.Kept, new MemoryDevice((64 << 20) - 4096)));
        foreach (int place in new[] { 1024, (64 << 20) - 1 })
        {
            byte[] changed = new byte[64 << 20];
            changed[place] = 1;
            Refused("the base's contents changed", () => Open(OverlayMode.Kept, Disks.Of(changed)));
        }

        Open(OverlayMode.Kept).Dispose();
    }

    [Fact]
    public void A_storage_that_is_too_small_or_read_only_is_refused()
    {
        Refused("needs 133120", () => OverlayDevice.Open(new MemoryDevice(64 << 20), new MemoryDevice(64 << 20), OverlayMode.Kept, NoHost.Instance));
        Refused("read-only", () => OverlayDevice.Open(new MemoryDevice(64 << 20), new ReadOnlyDevice(new MemoryDevice(_image)), OverlayMode.Kept, NoHost.Instance));
    }

    [Fact]
    public void A_storage_with_a_kept_overlay_is_not_thrown_away()
    {
        Open(OverlayMode.Kept).Dispose();
        Refused("a kept overlay is opened as such", () => Open(OverlayMode.Volatile));
    }

    [Fact]
    public void Memory_for_the_map_that_is_too_small_or_of_another_overlay_is_refused()
    {
        var map = new LastingMemory((int)OverlayDevice.MapLength(64 << 20));
        Refused("are needed", () => Open(OverlayMode.Kept, map: new LastingMemory((int)map.Length - 1)));
        Open(OverlayMode.Volatile, map: map).Dispose();
        Refused("holds another overlay's", () => Open(OverlayMode.Kept, map: map));
    }

    [Fact]
    public void A_volatile_overlay_without_memory_that_lasts_starts_empty()
    {
        using (OverlayDevice device = Open(OverlayMode.Volatile))
        {
            using var driver = new QueueDriver(device, 1);
            driver.Execute(BlockOperation.Write, 8, 8, Overlays.Filled(1, 8));
            Assert.Equal(BlockStatus.Ok, driver.Execute(BlockOperation.Flush, 0, 0));
        }

        using OverlayDevice again = Open(OverlayMode.Volatile);
        Assert.Equal(new byte[4096], Disks.Read(again, 8, 8));
    }

    private static void Refused(string message, Action open) => Assert.Contains(message, Assert.Throws<OverlayException>(open).Message);

    private OverlayDevice Open(OverlayMode mode, BlockDevice? @base = null, MappedMemory? map = null) =>
        OverlayDevice.Open(@base ?? new MemoryDevice(64 << 20), new MemoryDevice(_image), mode, NoHost.Instance, map);
}
