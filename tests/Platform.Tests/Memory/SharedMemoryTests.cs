using FsCheck;
using FsCheck.Fluent;

namespace Makatea.Platform.Tests;

public sealed class SharedMemoryTests : IDisposable
{
    private const int Length = 64;
    private const byte Canary = 0xa5;
    private readonly NativeArray<byte> _bytes = new(Length + 64);
    private readonly SharedMemory _memory;

    public SharedMemoryTests()
    {
        _bytes.AsSpan().Fill(Canary);
        _memory = new SharedMemory(_bytes.AsSegment(32, Length));
    }

    public void Dispose() => _bytes.Dispose();

    [Fact]
    public void Values_are_little_endian_and_read_back()
    {
        _memory.ReleaseUInt64(8, 0x0807060504030201);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], _bytes.AsSpan(40, 8).ToArray());
        Assert.Equal(1, _memory.ReadByte(8));
        Assert.Equal(0x0201, _memory.AcquireUInt16(8));
        Assert.Equal(0x04030201u, _memory.AcquireUInt32(8));
        Assert.Equal(0x0807060504030201ul, _memory.AcquireUInt64(8));
        _memory.ReleaseUInt32(8, 0xddccbbaa);
        _memory.ReleaseUInt16(12, 0xffee);
        _memory.ReleaseByte(14, 0x11);
        Assert.Equal([0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x11, 8], _bytes.AsSpan(40, 8).ToArray());
    }

    [Fact]
    public void Or_sets_bits_of_one_byte()
    {
        _memory.ReleaseUInt32(4, 0);
        _memory.OrByte(6, 0x81);
        _memory.OrByte(6, 0x02);
        Assert.Equal(0x00830000u, _memory.AcquireUInt32(4));
    }

    [Fact]
    public void Every_access_is_inside_or_throws_and_touches_nothing() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(2000),
        Prop.ForAll(Arb.From(Offsets()), offset =>
        {
            Expect(1, offset, () => _memory.ReadByte(offset));
            Expect(2, offset, () => _memory.AcquireUInt16(offset));
            Expect(4, offset, () => _memory.AcquireUInt32(offset));
            Expect(8, offset, () => _memory.AcquireUInt64(offset));
            Expect(1, offset, () => _memory.ReleaseByte(offset, 1));
            Expect(2, offset, () => _memory.ReleaseUInt16(offset, 1));
            Expect(4, offset, () => _memory.ReleaseUInt32(offset, 1));
            Expect(8, offset, () => _memory.ReleaseUInt64(offset, 1));
            Expect(1, offset, () => _memory.OrByte(offset, 1));
            Assert.Equal(-1, _bytes.AsSpan(0, 32).IndexOfAnyExcept(Canary));
            Assert.Equal(-1, _bytes.AsSpan(32 + Length, 32).IndexOfAnyExcept(Canary));
        }));

    [Fact]
    public void Or_in_an_incomplete_last_word_throws()
    {
        SharedMemory odd = new(_bytes.AsSegment(32, 6));
        odd.OrByte(3, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => odd.OrByte(4, 1));
    }

    [Fact]
    public void Nothing_is_in_memory_of_no_length()
    {
        SharedMemory none = default;
        Assert.Throws<ArgumentOutOfRangeException>(() => none.ReadByte(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => none.AcquireUInt64(nuint.MaxValue));
        none.Prefetch(nuint.MaxValue);
    }

    private static Gen<nuint> Offsets() => Gen.OneOf(
        Gen.Choose(0, Length + 16).Select(n => (nuint)n),
        Gen.Choose(0, 16).Select(n => nuint.MaxValue - (nuint)n),
        Gen.Choose(0, 16).Select(n => ((nuint)1 << 63) + (nuint)n),
        Gen.Choose(0, 16).Select(n => ((nuint)1 << 32) + (nuint)n));

    private static void Expect(int size, nuint offset, Action access)
    {
        if (offset <= (nuint)(Length - size))
        {
            access();
        }
        else
        {
            Assert.Throws<ArgumentOutOfRangeException>(access);
        }
    }
}
