namespace Makatea.Platform.Tests;

public sealed class IovaAllocatorTests
{
    private const ulong Top = ulong.MaxValue;

    [Fact]
    public void The_lowest_range_that_fits_is_given()
    {
        IovaAllocator allocator = new([(0x1000, 0x1fff), (0x4000, 0x7fff)]);
        Assert.Equal(0x4000ul, Allocate(allocator, 0x2000, 0x1000));
        Assert.Equal(0x1000ul, Allocate(allocator, 0x1000, 0x1000));
        Assert.Equal(0x6000ul, Allocate(allocator, 0x1000, 0x1000));
        Assert.False(allocator.TryAllocate(0x2000, 0x1000, out _));
        Assert.Equal(0x7000ul, Allocate(allocator, 0x1000, 1));
        Assert.False(allocator.TryAllocate(1, 1, out _));
    }

    [Fact]
    public void Alignment_leaves_what_is_below_free()
    {
        IovaAllocator allocator = new([(0x1000, 0x3fffff)]);
        Assert.Equal(0x200000ul, Allocate(allocator, 0x200000, 0x200000));
        Assert.Equal(0x1000ul, Allocate(allocator, 0x1ff000, 0x1000));
        Assert.False(allocator.TryAllocate(1, 1, out _));
    }

    [Fact]
    public void The_whole_address_space_may_be_given_but_for_a_byte()
    {
        // 2^64 is no number of 64 bits.
        IovaAllocator allocator = new([(0, Top)]);
        Assert.Equal(0ul, Allocate(allocator, Top, 1));
        Assert.False(allocator.TryAllocate(2, 1, out _));
        Assert.Equal(Top, Allocate(allocator, 1, 1));
        allocator.Free(Top, 1);
        allocator.Free(0, Top);
        Assert.Equal(0ul, Allocate(allocator, Top, 1));
    }

    [Theory]
    [InlineData(Top - 0xfff, Top, 0x2000ul, 0x1000ul)] // beyond the end
    [InlineData(Top - 0xffe, Top, 1ul, 0x1000ul)] // aligning wraps
    [InlineData(0x1001ul, 0x1ffful, 1ul, 0x1000ul)] // aligning leaves the range
    [InlineData(0x1000ul, 0x1ffful, Top, 1ul)]
    public void What_does_not_fit_is_not_given(ulong first, ulong last, ulong length, ulong alignment)
    {
        IovaAllocator allocator = new([(first, last)]);
        Assert.False(allocator.TryAllocate(length, alignment, out ulong iova));
        Assert.Equal(0ul, iova);
        Assert.True(allocator.TryReserve(first, last - first + 1));
    }

    [Theory]
    [InlineData(0x0ffful, 1ul)]
    [InlineData(0x0ffful, 2ul)]
    [InlineData(0x2000ul, 1ul)]
    [InlineData(0x1fffUL, 2ul)]
    [InlineData(0x1000ul, 0x1001ul)]
    [InlineData(0x1000ul, Top)]
    [InlineData(0x1800ul, 0x10ul)] // taken
    [InlineData(0x17fful, 2ul)]
    public void What_is_not_free_is_not_reserved(ulong iova, ulong length)
    {
        IovaAllocator allocator = new([(0x1000, 0x1fff)]);
        Assert.True(allocator.TryReserve(0x1800, 0x10));
        Assert.False(allocator.TryReserve(iova, length));
        Assert.True(allocator.TryReserve(0x1000, 0x800));
        Assert.True(allocator.TryReserve(0x1810, 0x7f0));
        Assert.False(allocator.TryAllocate(1, 1, out _));
    }

    [Theory]
    [InlineData(0x1000ul, 1ul)] // free
    [InlineData(0x17fful, 2ul)] // free before
    [InlineData(0x1807ul, 0x20ul)] // free behind
    [InlineData(0x1000ul, 0x1000ul)] // around
    [InlineData(0xfffUL, 1ul)] // never to be given
    [InlineData(0x2000ul, 0x10ul)]
    [InlineData(0x1800ul, Top)] // wraps
    [InlineData(Top, 2ul)]
    public void What_was_not_taken_cannot_be_given_back(ulong iova, ulong length)
    {
        IovaAllocator allocator = new([(0x1000, 0x1fff), (0x3000, 0x3fff)]);
        Assert.True(allocator.TryReserve(0x1800, 0x10));
        Assert.Throws<ArgumentException>(() => allocator.Free(iova, length));
        allocator.Free(0x1800, 0x10);
        Assert.True(allocator.TryReserve(0x1000, 0x1000));
        Assert.True(allocator.TryReserve(0x3000, 0x1000));
    }

    [Fact]
    public void What_lies_between_the_ranges_cannot_be_given_back()
    {
        IovaAllocator allocator = new([(0x1000, 0x1fff), (0x3000, 0x3fff)]);
        Assert.True(allocator.TryReserve(0x1000, 0x1000));
        Assert.True(allocator.TryReserve(0x3000, 0x1000));
        Assert.Throws<ArgumentException>(() => allocator.Free(0x1000, 0x3000));
        Assert.False(allocator.TryAllocate(1, 1, out _));
    }

    [Fact]
    public void Ranges_that_touch_are_one() => Assert.Equal(0x1000ul, Allocate(new([(0x2000, 0x2fff), (0x1000, 0x1fff)]), 0x2000, 0x1000));

    [Fact]
    public void Ranges_that_are_empty_or_overlap_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new IovaAllocator([(2, 1)]));
        Assert.Throws<ArgumentException>(() => new IovaAllocator([(5, 9), (1, 5)]));
    }

    [Fact]
    public void A_length_of_nothing_and_an_alignment_that_is_none_are_refused()
    {
        IovaAllocator allocator = new([(0x1000, 0x1fff)]);
        Assert.Throws<ArgumentOutOfRangeException>(() => allocator.TryAllocate(0, 1, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => allocator.TryReserve(0x1000, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => allocator.Free(0x1000, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => allocator.TryAllocate(1, 0, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => allocator.TryAllocate(1, 0x1800, out _));
    }

    private static ulong Allocate(IovaAllocator allocator, ulong length, ulong alignment)
    {
        Assert.True(allocator.TryAllocate(length, alignment, out ulong iova));
        return iova;
    }
}
