namespace Makatea.Platform.Tests;

public sealed class DmaSpaceTests : IDisposable
{
    private readonly FakeSpace _space = new();

    public void Dispose() => _space.Dispose();

    public static TheoryData<int> Hints => [0, 1, 2, 3, -1, int.MinValue, int.MaxValue];

    [Theory]
    [MemberData(nameof(Hints))]
    public void Whatever_the_hint_an_address_has_its_one_translation(int hint)
    {
        _space.Map(0x30000, 0x2000);
        _space.Map(0x10000, 0x1000);
        _space.Map(0x11000, 0x1000);
        foreach (DmaMapping mapping in _space.Mappings)
        {
            int h = hint;
            Assert.True(_space.TryTranslate(mapping.Address, 1, ref h, out ulong iova));
            Assert.Equal(mapping.Iova, iova);
            Assert.Same(mapping, _space.Mappings[h]);
            Assert.True(_space.TryTranslate(mapping.Address + (nint)mapping.Length - 1, 1, ref h, out iova));
            Assert.Equal(mapping.Iova + mapping.Length - 1, iova);
            Assert.True(_space.TryTranslate(mapping.Address, (int)mapping.Length, ref h, out iova));
            Assert.Equal(mapping.Iova, iova);
        }
    }

    [Theory]
    [MemberData(nameof(Hints))]
    public void What_is_not_inside_one_mapping_is_not_translated(int hint)
    {
        _space.Map(0x10000, 0x1000);
        _space.Map(0x11000, 0x1000);
        _space.Map(0x30000, 0x2000);
        (nint Address, int Length)[] outside =
        [
            (0, 1), (0xffff, 1), (0xffff, 2), (0x12000, 1), (0x11fff, 2), (0x10fff, 2), // the last from one mapping into the next, which is elsewhere
            (0x2ffff, 0x2002), (0x32000, 1), (-1, 1), (-1, int.MaxValue), (-0x1000, 0x12000), (0x10000, int.MaxValue), (0x10000, -1), (0x10000, int.MinValue),
        ];
        foreach ((nint address, int length) in outside)
        {
            int h = hint;
            Assert.False(_space.TryTranslate(address, length, ref h, out _), $"{length} at 0x{address:x}");
        }
    }

    [Fact]
    public void An_empty_space_translates_nothing()
    {
        int hint = 0;
        Assert.False(_space.TryTranslate(0, 1, ref hint, out ulong iova));
        Assert.Equal(0ul, iova);
        Assert.Equal(0, hint);
    }

    [Fact]
    public void Mapped_memory_is_widened_to_pages()
    {
        using LocalMemory memory = new(0x1801);
        using DmaMapping mapping = _space.Map(memory, DmaAccess.Read);
        Assert.Equal(memory.Address, mapping.Address);
        Assert.Equal(0x2000ul, mapping.Length);
        Assert.Equal(DmaAccess.Read, mapping.Access);
        Assert.Equal([$"map {memory.Address:x} 2000 Read"], _space.Calls);
    }

    [Theory]
    [InlineData(0x10000, 0x1000ul)]
    [InlineData(0xf000, 0x2000ul)]
    [InlineData(0x13000, 0x1000ul)]
    [InlineData(0x13000, 0x5000ul)]
    [InlineData(0x0, 0x100000ul)]
    [InlineData(0x11000, 0x1000ul)]
    public void Memory_is_mapped_once(int address, ulong length)
    {
        _space.Map(0x10000, 0x4000);
        DmaException e = Assert.Throws<DmaException>(() => _space.Map(address, length));
        Assert.Contains($"0x{length:x} bytes at 0x{address:x} overlap the 0x4000 at 0x10000", e.Message);
        Assert.Single(_space.Calls);
        Assert.Single(_space.Mappings);
    }

    [Fact]
    public void A_mapping_that_the_host_refuses_leaves_nothing()
    {
        _space.Fails = true;
        Assert.Throws<DmaException>(() => _space.Map(0x10000, 0x1000));
        Assert.Empty(_space.Mappings);
        _space.Fails = false;
        _space.Map(0x10000, 0x1000);
        Assert.Single(_space.Mappings);
    }

    [Fact]
    public void Disposing_a_mapping_unmaps_once_and_leaves_the_others()
    {
        DmaMapping first = _space.Map(0x10000, 0x1000);
        DmaMapping second = _space.Map(0x20000, 0x1000);
        int hint = 0;
        Assert.True(_space.TryTranslate(second.Address, 1, ref hint, out _));
        first.Dispose();
        first.Dispose();
        Assert.Equal($"unmap {first.Iova:x} 1000", _space.Calls[^1]);
        Assert.Equal(3, _space.Calls.Count);
        Assert.Equal([second], _space.Mappings);
        Assert.False(_space.TryTranslate(first.Address, 1, ref hint, out _));
        Assert.True(_space.TryTranslate(second.Address, 1, ref hint, out ulong iova));
        Assert.Equal(second.Iova, iova);
    }

    [Fact]
    public void Translating_while_others_map_and_unmap_never_gives_a_wrong_address()
    {
        DmaMapping lasting = _space.Map(0x50000, 0x1000);
        bool done = false;
        Thread mapper = new(() =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                using DmaMapping below = _space.Map(0x10000, 0x1000);
                using DmaMapping above = _space.Map(0x90000, 0x1000);
            }

            Volatile.Write(ref done, true);
        });
        mapper.Start();
        int hint = 0;
        int wrong = 0;
        while (!Volatile.Read(ref done))
        {
            wrong += _space.TryTranslate(lasting.Address + 5, 8, ref hint, out ulong iova) && iova == lasting.Iova + 5 ? 0 : 1;
            hint++;
        }

        mapper.Join();
        Assert.Equal(0, wrong);
    }

    [Fact]
    public void Translating_allocates_nothing()
    {
        _space.Map(0x10000, 0x1000);
        _space.Map(0x20000, 0x1000);
        int hint = 0;
        _space.TryTranslate(0x20000, 1, ref hint, out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            _space.TryTranslate(0x10000 + ((i & 1) << 16), 1, ref hint, out _);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
