namespace Makatea.Platform.Tests;

public sealed class NativeArrayTests
{
    [Fact]
    public void Elements_are_zero_at_start_and_keep_what_is_written()
    {
        using NativeArray<long> array = new(1000);
        Assert.Equal(-1, array.AsSpan().IndexOfAnyExcept(0));
        array[0] = 1;
        array[999] = 2;
        Assert.Equal(1, array.AsSpan()[0]);
        Assert.Equal(2, array.AsSpan(999, 1)[0]);
        Assert.Equal(8000, array.AsSegment().Length);
        Assert.Equal(array.AsSegment().Address + (999 * 8), array.AsSegment(999, 1).Address);
        Assert.Equal(0, array.AsSegment().Address & 4095);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(10)]
    [InlineData(int.MaxValue)]
    [InlineData(int.MinValue)]
    public void An_index_outside_throws(int index)
    {
        using NativeArray<int> array = new(10);
        Assert.Throws<IndexOutOfRangeException>(() => array[index]);
    }

    [Theory]
    [InlineData(0, 11)]
    [InlineData(10, 1)]
    [InlineData(-1, 1)]
    [InlineData(1, int.MaxValue)]
    [InlineData(0x20000001, 1)]
    [InlineData(0, 0x20000001)]
    public void A_part_outside_throws(int start, int length)
    {
        // The last two times 8 wrap around to parts that are inside.
        using NativeArray<long> array = new(10);
        Assert.Throws<ArgumentOutOfRangeException>(() => array.AsSegment(start, length));
        Assert.Throws<ArgumentOutOfRangeException>(() => array.AsSpan(start, length));
    }

    [Fact]
    public void A_disposed_array_has_no_elements()
    {
        NativeArray<int> array = new(10);
        array.Dispose();
        array.Dispose();
        Assert.Equal(0, array.Length);
        Assert.Throws<IndexOutOfRangeException>(() => array[0]);
        Assert.True(array.AsSpan().IsEmpty);
        Assert.Equal(0, array.AsSegment().Length);
    }

    [Fact]
    public void A_length_that_cannot_be_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new NativeArray<int>(-1));
        using NativeArray<int> none = new(0);
        Assert.Throws<IndexOutOfRangeException>(() => none[0]);
    }
}
