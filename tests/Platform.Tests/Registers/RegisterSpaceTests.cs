namespace Makatea.Platform.Tests;

public sealed class RegisterSpaceTests : IDisposable
{
    private readonly NativeArray<byte> _memory = new(64);
    private readonly RecordingBus _bus = new();

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void Mapped_registers_are_read_and_written_little_endian_with_the_width_of_the_name()
    {
        RegisterSpace space = Mapped(16, 16);
        space.WriteUInt64(8, 0x8877665544332211);
        Assert.Equal(0x8877665544332211, space.ReadUInt64(8));
        Assert.Equal(0x44332211u, space.ReadUInt32(8));
        Assert.Equal(0x8877, space.ReadUInt16(14));
        Assert.Equal(0x88, space.ReadByte(15));
        space.WriteUInt32(12, 0xaabbccdd);
        space.WriteUInt16(10, 0xeeff);
        space.WriteByte(8, 0x99);
        Assert.Equal(0xaabbccddeeff2299, space.ReadUInt64(8));
        Assert.Equal("99-22-FF-EE-DD-CC-BB-AA", BitConverter.ToString(_memory.AsSpan()[24..32].ToArray()));
        Assert.True(_memory.AsSpan()[..24].IndexOfAnyExcept((byte)0) < 0);
        Assert.True(_memory.AsSpan()[32..].IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void Registers_on_a_bus_are_reached_once_an_access_at_the_sum_of_the_addresses()
    {
        var space = RegisterSpace.OnBus(_bus, 0x1000, 0x100);
        _bus.Answer = 0x8877665544332211;
        Assert.Equal(0x11, space.ReadByte(1));
        Assert.Equal(0x2211, space.ReadUInt16(2));
        Assert.Equal(0x44332211u, space.ReadUInt32(4));
        Assert.Equal(0x8877665544332211, space.ReadUInt64(8));
        space.WriteByte(0x11, 0xfe);
        space.WriteUInt16(0x12, 0xfedc);
        space.WriteUInt32(0x14, 0xfedcba98);
        space.WriteUInt64(0x18, 0xfedcba9876543210);
        Assert.Equal(
            ["r1 1001", "r2 1002", "r4 1004", "r8 1008", "w1 1011=fe", "w2 1012=fedc", "w4 1014=fedcba98", "w8 1018=fedcba9876543210"],
            _bus.Accesses);
    }

    public static TheoryData<ulong, int> Outside => new()
    {
        { 16, 1 }, { 16, 8 }, { ulong.MaxValue, 1 }, { ulong.MaxValue - 1, 2 }, { ulong.MaxValue - 7, 8 }, { 14, 4 }, { 12, 8 }, // beyond the end
        { 1, 2 }, { 2, 4 }, { 1, 4 }, { 4, 8 }, { 9, 2 }, // not aligned
    };

    [Theory]
    [MemberData(nameof(Outside))]
    public void What_is_outside_or_not_aligned_is_refused_and_not_touched(ulong offset, int width)
    {
        foreach (RegisterSpace space in new[] { Mapped(16, 16), RegisterSpace.OnBus(_bus, 0x1000, 16) })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => Read(space, offset, width));
            Assert.Throws<ArgumentOutOfRangeException>(() => Write(space, offset, width));
        }

        Assert.Empty(_bus.Accesses);
        Assert.True(_memory.AsSpan().IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void The_last_register_is_inside()
    {
        RegisterSpace space = Mapped(16, 16);
        space.WriteByte(15, 1);
        space.WriteUInt16(14, 2);
        space.WriteUInt32(12, 3);
        space.WriteUInt64(8, 4);
        Assert.Equal(4ul, space.ReadUInt64(8));
    }

    [Fact]
    public void A_space_whose_length_is_no_multiple_of_the_width_ends_where_it_says()
    {
        RegisterSpace space = Mapped(0, 6);
        Assert.Equal(0, space.ReadUInt16(4));
        Assert.Throws<ArgumentOutOfRangeException>(() => space.ReadUInt32(4));
    }

    [Fact]
    public void The_empty_space_has_no_register()
    {
        Assert.Equal(0ul, default(RegisterSpace).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => default(RegisterSpace).ReadByte(0));
    }

    [Theory]
    [InlineData(0ul, 17ul)]
    [InlineData(16ul, 1ul)]
    [InlineData(17ul, 0ul)]
    [InlineData(8ul, ulong.MaxValue)]
    [InlineData(ulong.MaxValue, 1ul)]
    public void A_slice_lies_inside(ulong offset, ulong length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Mapped(0, 16).Slice(offset, length));

    [Fact]
    public void A_slice_has_its_own_bounds_on_the_same_registers()
    {
        RegisterSpace slice = RegisterSpace.OnBus(_bus, 0x1000, 0x100).Slice(0x40, 8);
        Assert.Equal(8ul, slice.Length);
        slice.WriteUInt32(4, 1);
        Assert.Equal(["w4 1044=1"], _bus.Accesses);
        Assert.Throws<ArgumentOutOfRangeException>(() => slice.ReadByte(8));
        Assert.Equal(0ul, slice.Slice(8, 0).Length);
    }

    [Fact]
    public void A_range_of_a_bus_does_not_wrap()
    {
        Assert.Throws<ArgumentException>(() => RegisterSpace.OnBus(_bus, ulong.MaxValue - 6, 8));
        Assert.Equal(8ul, RegisterSpace.OnBus(_bus, ulong.MaxValue - 7, 8).Length);
        Assert.Equal(0ul, RegisterSpace.OnBus(_bus, ulong.MaxValue, 0).Length);
        Assert.Throws<ArgumentNullException>(() => RegisterSpace.OnBus(null!, 0, 8));
    }

    private static void Read(RegisterSpace space, ulong offset, int width) => _ = width switch
    {
        1 => space.ReadByte(offset),
        2 => space.ReadUInt16(offset),
        4 => space.ReadUInt32(offset),
        _ => space.ReadUInt64(offset),
    };

    private static void Write(RegisterSpace space, ulong offset, int width)
    {
        switch (width)
        {
            case 1:
                space.WriteByte(offset, 0xff);
                break;
            case 2:
                space.WriteUInt16(offset, 0xffff);
                break;
            case 4:
                space.WriteUInt32(offset, uint.MaxValue);
                break;
            default:
                space.WriteUInt64(offset, ulong.MaxValue);
                break;
        }
    }

    private RegisterSpace Mapped(int offset, int length) =>
        RegisterSpace.UnsafeCreate(_memory.AsSegment(offset, length).Address, (ulong)length);

    private sealed class RecordingBus : RegisterBus
    {
        internal List<string> Accesses { get; } = [];

        internal ulong Answer { get; set; }

        public override ulong Read(ulong address, int width)
        {
            Accesses.Add($"r{width} {address:x}");
            return Answer;
        }

        public override void Write(ulong address, int width, ulong value) => Accesses.Add($"w{width} {address:x}={value:x}");
    }
}
