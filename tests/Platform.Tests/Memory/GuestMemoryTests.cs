using System.Runtime.Intrinsics;

namespace Makatea.Platform.Tests;

public sealed class GuestMemoryTests : IDisposable
{
    private const ulong Top = ulong.MaxValue;
    private readonly LocalMemory _mapping = new(0x10000);

    public void Dispose() => _mapping.Dispose();

    [Fact]
    public void Empty_memory_translates_nothing()
    {
        Assert.False(GuestMemory.Empty.TryTranslate(0, 1, MemoryAccess.Read, out _));
        Assert.False(GuestMemory.Empty.TryTranslate(0, 0, MemoryAccess.None, out _));
        Assert.False(GuestMemory.Empty.TryTranslateUser(0, 1, out _));
        Assert.False(GuestMemory.Empty.IsLost);
    }

    [Theory]
    [InlineData(0x1000ul, 0ul, 0ul, 0ul, "empty or wraps")]
    [InlineData(Top - 0xffe, 0ul, 0x1000ul, 0ul, "empty or wraps")]
    [InlineData(0ul, Top - 0xffe, 0x1000ul, 0ul, "user address")]
    [InlineData(0ul, 0ul, 0x10001ul, 0ul, "does not fit")]
    [InlineData(0ul, 0ul, 1ul, 0x10000ul, "does not fit")]
    [InlineData(0ul, 0ul, 2ul, Top, "does not fit")]
    [InlineData(0ul, 0ul, 0x1001ul, 0xf000ul, "does not fit")]
    public void A_region_that_cannot_be_is_refused(ulong guest, ulong user, ulong length, ulong offset, string message)
    {
        ArgumentException e = Assert.Throws<ArgumentException>(() => new GuestMemory([new(guest, user, length, _mapping, offset)]));
        Assert.Contains(message, e.Message);
    }

    [Theory]
    [InlineData(0x1000ul, 0x1000ul, 0x1fffUL, 1ul)]
    [InlineData(0x1000ul, 0x1000ul, 0x1000ul, 0x1000ul)]
    [InlineData(0x1000ul, 0x1000ul, 0x0ul, 0x1001ul)]
    [InlineData(Top - 0xfff, 0x1000ul, Top, 1ul)]
    public void Regions_that_overlap_are_refused(ulong first, ulong firstLength, ulong second, ulong secondLength)
    {
        ArgumentException e = Assert.Throws<ArgumentException>(() => new GuestMemory(
            [new(first, 0, firstLength, _mapping, 0), new(second, 0, secondLength, _mapping, 0)]));
        Assert.Contains("overlap", e.Message);
    }

    [Fact]
    public void A_region_may_end_with_the_address_space()
    {
        GuestMemory memory = new([new(Top - 0xfff, Top - 0xfff, 0x1000, _mapping, 0x2000)]);
        Assert.True(memory.TryTranslate(Top, 1, MemoryAccess.ReadWrite, out MemorySegment last));
        Assert.Equal(_mapping.Address + 0x2fff, last.Address);
        Assert.False(memory.TryTranslate(Top, 2, MemoryAccess.Read, out _));
        Assert.False(memory.TryTranslate(0, 1, MemoryAccess.Read, out _));
        Assert.True(memory.TryTranslateUser(Top, 1, out _));
        Assert.False(memory.TryTranslateUser(Top, 2, out _));
    }

    [Fact]
    public void Bytes_that_straddle_two_adjacent_regions_are_not_translated()
    {
        GuestMemory memory = new([new(0x2000, 0, 0x1000, _mapping, 0), new(0x1000, 0x1000, 0x1000, _mapping, 0x1000)]);
        Assert.Equal([0x1000ul, 0x2000ul], memory.Regions.Select(r => r.GuestAddress));
        Assert.True(memory.TryTranslate(0x1000, 0x1000, MemoryAccess.Read, out _));
        Assert.True(memory.TryTranslate(0x2000, 0x1000, MemoryAccess.Read, out _));
        Assert.False(memory.TryTranslate(0x1fff, 2, MemoryAccess.Read, out MemorySegment none));
        Assert.Equal(default, none);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    public void A_negative_length_is_not_translated(int length)
    {
        GuestMemory memory = new([new(0, 0, 0x1000, _mapping, 0)]);
        Assert.False(memory.TryTranslate(0, length, MemoryAccess.Read, out _));
        Assert.False(memory.TryTranslateUser(0, length, out _));
    }

    [Fact]
    public void Rights_are_checked()
    {
        GuestMemory memory = new(
            [new(0, 0, 0x1000, _mapping, 0, MemoryAccess.Read), new(0x1000, 0, 0x1000, _mapping, 0, MemoryAccess.Write), new(0x2000, 0, 0x1000, _mapping, 0)]);
        Assert.True(memory.TryTranslate(0, 1, MemoryAccess.Read, out _));
        Assert.False(memory.TryTranslate(0, 1, MemoryAccess.Write, out _));
        Assert.False(memory.TryTranslate(0, 1, MemoryAccess.ReadWrite, out _));
        Assert.False(memory.TryTranslate(0x1000, 1, MemoryAccess.Read, out _));
        Assert.True(memory.TryTranslate(0x1000, 1, MemoryAccess.Write, out _));
        Assert.True(memory.TryTranslate(0x2000, 1, MemoryAccess.ReadWrite, out _));
    }

    [Fact]
    public void User_addresses_find_the_same_bytes()
    {
        GuestMemory memory = new([new(0x100000, 0x7f0000000000, 0x1000, _mapping, 0x3000), new(0, 0x7f0000001000, 0x2000, _mapping, 0x5000)]);
        Assert.True(memory.TryTranslateUser(0x7f0000000010, 16, out MemorySegment first));
        Assert.Equal(_mapping.Address + 0x3010, first.Address);
        Assert.Equal(16, first.Length);
        Assert.True(memory.TryTranslateUser(0x7f0000001000, 0x2000, out MemorySegment second));
        Assert.Equal(_mapping.Address + 0x5000, second.Address);
        Assert.False(memory.TryTranslateUser(0x7f0000000fff, 2, out _));
        Assert.False(memory.TryTranslateUser(0x7effffffffff, 1, out _));
        Assert.False(memory.TryTranslateUser(0x7f0000003000, 1, out _));
    }

    [Fact]
    public void A_segment_leads_back_to_its_guest_address()
    {
        GuestMemory memory = new([new(0x100000, 0, 0x1000, _mapping, 0x3000), new(0, 0, 0x2000, _mapping, 0x5000)]);
        Assert.True(memory.TryTranslate(0x100ff0, 16, MemoryAccess.Read, out MemorySegment segment));
        Assert.True(memory.TryFindGuestAddress(segment, out ulong address));
        Assert.Equal(0x100ff0ul, address);
        Assert.False(memory.TryFindGuestAddress(_mapping.Slice(0x4000, 1), out _));
        Assert.False(memory.TryFindGuestAddress(_mapping.Slice(0x2fff, 1), out _));
    }

    [Fact]
    public void One_lost_region_makes_the_memory_lost()
    {
        using LocalMemory other = new(0x1000);
        GuestMemory memory = new([new(0, 0, 0x1000, _mapping, 0), new(0x1000, 0, 0x1000, other, 0)]);
        Assert.False(memory.IsLost);
        other.Lost = true;
        Assert.True(memory.IsLost);
    }

    [Fact]
    public void The_default_window_holds_nothing()
    {
        GuestMemoryWindow window = default;
        Assert.False(window.Contains(0));
        Assert.False(window.TryTranslate(0, 0, out _));
        Assert.False(window.TryTranslate(0, 1, out _));
    }

    [Fact]
    public void A_window_translates_no_more_than_an_int_can_count()
    {
        GuestMemoryWindow window = new(0, 1ul << 40, 0, MemoryAccess.ReadWrite);
        Assert.True(window.TryTranslate(0, int.MaxValue, out _));
        Assert.False(window.TryTranslate(0, int.MaxValue + 1u, out _));
        Assert.False(window.TryTranslate(0, uint.MaxValue, out _));
    }

    /// <summary>Four at once are what each is by itself, at the edges of the region and of what numbers hold. Without vectors of 512 bits the same code runs on smaller ones.</summary>
    [Fact]
    public void Four_are_translated_as_one_is()
    {
        GuestMemoryWindow window = new(0x1000, 0x3000, unchecked((nint)0x7000_0000_0000), MemoryAccess.ReadWrite);
        ulong[] addresses = [0x1000, 0xfff, 0x3fff, 0x4000, 0, Top, Top - 0x1000, 0x8000_0000_0000_0000, 0x2345];
        uint[] lengths = [1, 0, 0x3000, 0x3001, 0x1cbb, int.MaxValue, 0x8000_0000, uint.MaxValue];
        var good = (Address: 0x1800ul, LengthAndTag: 64 | (0xdead_beeful << 32));
        TaggedSegment[] four = new TaggedSegment[4];
        foreach (ulong address in addresses)
        {
            foreach (uint length in lengths)
            {
                ulong lengthAndTag = length | (0x1234_5678ul << 32);
                bool one = window.TryTranslateTagged(address, lengthAndTag, out TaggedSegment alone);
                Assert.Equal(length != 0 && window.TryTranslate(address, length, out _), one);
                for (int at = 0; at < 4; at++)
                {
                    ulong[] descriptors = [.. Enumerable.Range(0, 4).SelectMany<int, ulong>(i => i == at ? [address, lengthAndTag] : [good.Address, good.LengthAndTag])];
                    Vector512<ulong> halves = Vector512.Create(descriptors);
                    Array.Clear(four);
                    Assert.Equal(one, window.TryTranslateTagged(halves, halves, four));
                    for (int i = 0; i < 4; i++)
                    {
                        Assert.True(window.TryTranslateTagged(good.Address, good.LengthAndTag, out TaggedSegment other));
                        TaggedSegment expected = !one ? default : i == at ? alone : other;
                        Assert.Equal((expected.Segment, expected.Tag), (four[i].Segment, four[i].Tag));
                    }
                }
            }
        }
    }
}
