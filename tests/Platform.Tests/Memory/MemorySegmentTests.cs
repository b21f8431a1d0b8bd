using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Tests;

public sealed class MemorySegmentTests : IDisposable
{
    private readonly NativeArray<byte> _bytes = new(64);

    public void Dispose() => _bytes.Dispose();

    /// <summary>struct iovec: the address, then the length as a size_t.</summary>
    [Fact]
    public void A_segment_has_the_layout_of_an_iovec()
    {
        MemorySegment segment = MemorySegment.UnsafeCreate(unchecked((nint)0x123456789), 0x7eadbeef);
        Assert.Equal(16, Unsafe.SizeOf<MemorySegment>());
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<MemorySegment, ulong>(new ReadOnlySpan<MemorySegment>(in segment));
        Assert.Equal([0x123456789ul, 0x7eadbeeful], words.ToArray());
    }

    [Fact]
    public void A_scatter_list_is_an_address_and_a_count()
    {
        using NativeArray<MemorySegment> segments = new(4);
        segments[1] = _bytes.AsSegment(0, 10);
        segments[2] = _bytes.AsSegment(10, 20);
        ScatterList list = ScatterList.Of(segments, 1, 2);
        Assert.Equal(16, Unsafe.SizeOf<ScatterList>());
        Assert.Equal(segments.AsSegment(1, 1).Address, list.Address);
        Assert.Equal(2, list.Count);
        Assert.Equal(30, list.TotalLength());
        Assert.Equal(segments.AsSpan(1, 2).ToArray(), list.AsSpan().ToArray());
    }

    /// <summary>Every length up to four vectors, from and to every alignment, and not a byte beyond.</summary>
    [Fact]
    public void As_many_bytes_are_copied_as_were_asked_for()
    {
        using NativeArray<byte> source = new(256);
        new Random(1).NextBytes(source.AsSpan());
        byte[] target = new byte[256];
        for (int length = 0; length <= 130; length++)
        {
            for (int start = 0; start < 33; start += 3)
            {
                target.AsSpan().Fill(0xee);
                source.AsSegment().CopyTo(start, target.AsSpan(50, length));
                Assert.True(target.AsSpan(50, length).SequenceEqual(source.AsSpan()[start..(start + length)]));
                Assert.False(target.AsSpan(0, 50).ContainsAnyExcept((byte)0xee));
                Assert.False(target.AsSpan(50 + length).ContainsAnyExcept((byte)0xee));
            }
        }
    }

    [Theory]
    [InlineData(0, 65)]
    [InlineData(1, 64)]
    [InlineData(33, 32)]
    [InlineData(-1, 32)]
    [InlineData(int.MaxValue, 33)]
    public void Nothing_outside_is_copied(int start, int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _bytes.AsSegment().CopyTo(start, new byte[length]));

    [Theory]
    [InlineData(0, 5)]
    [InlineData(4, 1)]
    [InlineData(-1, 1)]
    [InlineData(1, -1)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void A_scatter_list_outside_its_array_is_refused(int start, int count)
    {
        using NativeArray<MemorySegment> segments = new(4);
        Assert.Throws<ArgumentOutOfRangeException>(() => ScatterList.Of(segments, start, count));
    }

    [Fact]
    public void An_empty_scatter_list_may_stand_at_the_end()
    {
        using NativeArray<MemorySegment> segments = new(4);
        Assert.Equal(0, ScatterList.Of(segments, 4, 0).Count);
        Assert.Equal(0, default(ScatterList).TotalLength());
    }

    [Theory]
    [InlineData(0, 65)]
    [InlineData(64, 1)]
    [InlineData(-1, 1)]
    [InlineData(0, -1)]
    [InlineData(1, int.MaxValue)]
    [InlineData(int.MinValue, int.MinValue)]
    public void A_part_outside_throws(int start, int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _bytes.AsSegment().Slice(start, length));

    [Theory]
    [InlineData(57)]
    [InlineData(64)]
    [InlineData(-1)]
    [InlineData(-8)]
    [InlineData(int.MaxValue)]
    public void A_value_outside_throws(int offset) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _bytes.AsSegment().ReadUInt64(offset));

    [Theory]
    [InlineData(64)]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    public void A_byte_outside_throws(int offset) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _bytes.AsSegment().WriteByte(offset, 1));

    [Fact]
    public void Parts_and_values_inside_are_reached()
    {
        MemorySegment segment = _bytes.AsSegment();
        segment.WriteByte(63, 0x80);
        Assert.Equal(0x8000000000000000ul, segment.ReadUInt64(56));
        Assert.Equal(segment.Address + 60, segment.Slice(60, 4).Address);
        Assert.Equal(0x80, segment.Slice(60, 4).AsSpan()[3]);
        Assert.Equal(0, segment.Slice(64, 0).Length);
        Assert.Equal(segment, segment.Slice(0, 64));
        Assert.NotEqual(segment, segment.Slice(0, 63));
    }

    [Fact]
    public void A_mapping_is_sliced_within_its_bounds()
    {
        using LocalMemory memory = new(100);
        Assert.Equal(memory.Address + 99, memory.Slice(99, 1).Address);
        Assert.Equal(0, memory.Slice(100, 0).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Slice(99, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Slice(101, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Slice(ulong.MaxValue, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Slice(0, -1));
    }
}
