using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Tests.Boot;

public sealed class GuestLayoutTests
{
    private const ulong GiB = 1UL << 30;

    [Theory]
    [InlineData(2UL << 20, 2UL << 20, 0UL)]
    [InlineData(3 * GiB, 3 * GiB, 0UL)]
    [InlineData((3 * GiB) + (2 << 20), 3 * GiB, 2UL << 20)]
    [InlineData(16 * GiB, 3 * GiB, 13 * GiB)]
    public void Memory_goes_around_the_hole(ulong memory, ulong low, ulong high)
    {
        GuestLayout layout = new(memory, 40);
        Assert.Equal((new AddressRange(0, low), new AddressRange(4 * GiB, high)), (layout.LowMemory, layout.HighMemory));
    }

    [Theory]
    [InlineData(36, 1, 48, 16)]
    [InlineData(39, 1, 448, 64)]
    [InlineData(40, 1, 960, 64)]
    [InlineData(52, 1, 960, 64)]
    [InlineData(52, 1024, 1088, 64)] // memory ends at 1025 GiB
    [InlineData(36, 47, 48, 16)]
    [InlineData(36, 48, 0, 0)]
    public void The_high_window_is_where_memory_leaves_room(int bits, ulong memoryGiB, ulong firstGiB, ulong lengthGiB)
    {
        GuestLayout layout = new(memoryGiB * GiB, bits);
        Assert.Equal(new AddressRange(firstGiB * GiB, lengthGiB * GiB), layout.HighDeviceWindow);
        Assert.False(layout.HighDeviceWindow.Overlaps(layout.HighMemory));
    }

    [Theory]
    [InlineData(0UL, 40)]
    [InlineData(4096UL, 40)]
    [InlineData(64 * GiB, 36)]
    [InlineData(GiB, 35)]
    [InlineData(GiB, 53)]
    [InlineData(ulong.MaxValue - (2 << 20) + 1, 52)]
    public void What_does_not_fit_is_refused(ulong memory, int bits) => Assert.Throws<BootException>(() => new GuestLayout(memory, bits));

    [Fact]
    public void Nothing_overlaps()
    {
        GuestLayout layout = new(16 * GiB, 40);
        AddressRange[] ranges =
        [
            layout.LowMemory, layout.HighMemory, layout.HighDeviceWindow, GuestLayout.DeviceWindow, GuestLayout.Ecam, GuestLayout.VirtioMmio, GuestLayout.IoApic, GuestLayout.LocalApic,
        ];
        Assert.All(ranges, a => Assert.Equal(1, ranges.Count(b => a.Overlaps(b))));
    }

    [Theory]
    [InlineData(32UL << 20)]
    [InlineData(8 * GiB)]
    public void The_memory_map_holds_memory_and_what_to_leave_alone(ulong memory)
    {
        GuestLayout layout = new(memory, 40);
        IReadOnlyList<MemoryMapEntry> map = MemoryMap.Create(layout);
        Assert.Equal(map.OrderBy(entry => entry.Range.First), map);
        Assert.All(map.Skip(1).Zip(map), pair => Assert.True(pair.First.Range.First >= pair.Second.Range.End));
        Assert.All(map, entry => Assert.NotEqual(0UL, entry.Range.Length));
        AddressRange[] usable = [.. map.Where(entry => entry.Type == MemoryMapType.Usable).Select(entry => entry.Range)];
        Assert.All(usable, range => Assert.True(layout.LowMemory.Contains(range) || layout.HighMemory.Contains(range)));
        // All but the 384 KiB below 1 MiB.
        Assert.Equal(memory - 0x6_0000, usable.Aggregate(0UL, (sum, range) => sum + range.Length));
        Assert.Contains(map, entry => entry.Type == MemoryMapType.Reserved && entry.Range.Contains(GuestLayout.Ecam));
    }

    [Theory]
    [InlineData(0UL, 10UL, 0UL, 10UL, true)]
    [InlineData(0UL, 10UL, 9UL, 1UL, true)]
    [InlineData(0UL, 10UL, 9UL, 2UL, false)]
    [InlineData(0UL, 10UL, 10UL, 0UL, true)]
    [InlineData(5UL, 10UL, 4UL, 1UL, false)]
    [InlineData(0UL, 10UL, 9UL, ulong.MaxValue, false)]
    [InlineData(0UL, 10UL, ulong.MaxValue, 2UL, false)]
    public void A_range_contains_what_lies_in_it(ulong first, ulong length, ulong otherFirst, ulong otherLength, bool contains) =>
        Assert.Equal(contains, new AddressRange(first, length).Contains(new(otherFirst, otherLength)));
}
