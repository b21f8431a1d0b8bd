using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Virtio.Tests;

/// <summary>The structures of vhost-user, "Message Specification", byte for byte.</summary>
public sealed class WireFormatTests
{
    [Theory]
    [InlineData(typeof(VhostUserHeader), VhostUserHeader.Length)]
    [InlineData(typeof(VhostUserVringState), 8)]
    [InlineData(typeof(VhostUserVringAddress), 40)]
    [InlineData(typeof(VhostUserMemoryHeader), 8)]
    [InlineData(typeof(VhostUserMemoryRegion), 32)]
    [InlineData(typeof(VhostUserSingleRegion), 40)]
    [InlineData(typeof(VhostUserLogDescription), 16)]
    [InlineData(typeof(VhostUserConfigHeader), VhostUserConfigHeader.Length)]
    [InlineData(typeof(VhostUserInflightDescription), VhostUserInflightDescription.Length)]
    public void Structures_have_the_sizes_of_the_standard(Type type, int size) => Assert.Equal(size, Marshal.SizeOf(type));

    [Fact]
    public void Fields_are_at_the_offsets_of_the_standard()
    {
        Assert.Equal(
            "01000000 02000000 03000000",
            Hex(new VhostUserHeader(1, 2, 3), 4));
        Assert.Equal(
            "01000000 02000000",
            Hex(new VhostUserVringState(1, 2), 4));
        Assert.Equal(
            "0100000002000000 0300000000000000 0400000000000000 0500000000000000 0600000000000000",
            Hex(new VhostUserVringAddress(1, 2, 3, 4, 5, 6), 8));
        Assert.Equal(
            "0000000000000000 0100000000000000 0200000000000000 0300000000000000 0400000000000000",
            Hex(new VhostUserSingleRegion(0, new VhostUserMemoryRegion(1, 2, 3, 4)), 8));
        Assert.Equal(
            "0100000000000000 0200000000000000",
            Hex(new VhostUserLogDescription(1, 2), 8));
        Assert.Equal(
            "01000000 02000000 03000000",
            Hex(new VhostUserConfigHeader(1, 2, 3), 4));
        Assert.Equal(
            "01000000 00000000 02000000 00000000 03000400",
            Hex(new VhostUserInflightDescription(1, 2, 3, 4), 4));
        Assert.Equal(
            "01000000 02000000",
            Hex(new VhostUserMemoryHeader(1, 2), 4));
    }

    [Fact]
    public void In_memory_and_on_the_wire_are_the_same()
    {
        Assert.Equal(VhostUserHeader.Length, Unsafe.SizeOf<VhostUserHeader>());
        Assert.Equal(40, Unsafe.SizeOf<VhostUserVringAddress>());
        Assert.Equal(20, Unsafe.SizeOf<VhostUserInflightDescription>());
    }

    [Theory]
    [InlineData(1, 64, false, 1088)]
    [InlineData(1, 128, false, 2112)]
    [InlineData(4, 128, false, 4 * 2112)]
    [InlineData(1, 1, true, 64)]
    [InlineData(2, 128, true, 2 * 4160)]
    [InlineData(1, 2, false, 64)]
    public void Inflight_regions_have_the_size_that_libvhost_user_and_DPDK_give_them(ushort queues, ushort size, bool packed, ulong expected) =>
        Assert.Equal(expected, VhostUserInflight.RegionSize(queues, size, packed));

    [Theory]
    [InlineData(1)]
    [InlineData(128)]
    [InlineData(32768)]
    public void An_inflight_part_holds_what_the_ring_keeps_in_it(ushort size)
    {
        Assert.InRange(VhostUserInflight.QueueSize(size, packed: false), (ulong)SplitInflight.RegionSize(size), (ulong)SplitInflight.RegionSize(size) + 63);
        Assert.InRange(VhostUserInflight.QueueSize(size, packed: true), (ulong)PackedInflight.RegionSize(size), (ulong)PackedInflight.RegionSize(size) + 63);
    }

    private static string Hex<T>(T value, int group)
        where T : unmanaged =>
        string.Join(' ', SessionBed.Bytes(value).Chunk(group).Select(c => Convert.ToHexString(c)));
}
