namespace Makatea.Sel4.RootTask.Tests;

public sealed unsafe class UntypedAllocatorTests : IDisposable
{
    private const int Capacity = 256;
    private const uint FirstSlot = 1000;
    private readonly FakeKernel _kernel = new();
    private readonly UntypedBlock* _blocks = (UntypedBlock*)System.Runtime.InteropServices.NativeMemory.AllocZeroed(Capacity, (nuint)sizeof(UntypedBlock));
    private readonly int* _heads = (int*)System.Runtime.InteropServices.NativeMemory.AllocZeroed(64, sizeof(int));
    private UntypedAllocator<FakeKernel.Handle> _allocator;

    public UntypedAllocatorTests() => _allocator = new(_blocks, Capacity, _heads, FirstSlot, new(_kernel));

    public void Dispose()
    {
        System.Runtime.InteropServices.NativeMemory.Free(_blocks);
        System.Runtime.InteropServices.NativeMemory.Free(_heads);
    }

    private void Add(uint slot, ulong address, int bits, bool isDevice = false)
    {
        _kernel.Give(slot, address, bits);
        Assert.True(_allocator.Add(slot, address, bits, isDevice));
    }

    [Fact]
    public void A_block_is_cut_from_the_smallest_that_holds_it()
    {
        Add(1, 0x10_0000, 20);
        Add(2, 0x4000, 14);
        int block = _allocator.Allocate(12);
        Assert.Equal((0x4000ul, 12), _kernel.Untyped(_allocator.SlotOf(block)));
        Assert.Equal(0x4000ul, _allocator.AddressOf(block));
        Assert.Equal((1ul << 20) + (1ul << 14) - (1ul << 12), _allocator.FreeBytes);
        Assert.Equal((0x5000ul, 12), _kernel.Untyped(_allocator.SlotOf(_allocator.Allocate(12))));
        Assert.Equal((0x6000ul, 13), _kernel.Untyped(_allocator.SlotOf(_allocator.Allocate(13))));
        Assert.Equal((0x10_0000ul, 12), _kernel.Untyped(_allocator.SlotOf(_allocator.Allocate(12))));
    }

    [Fact]
    public void What_was_made_from_a_block_is_gone_when_it_is_taken_back()
    {
        Add(1, 0x10_0000, 16);
        int block = _allocator.Allocate(12);
        _kernel.Objects.Add(_allocator.SlotOf(block));
        Assert.True(_allocator.Free(block));
        Assert.Empty(_kernel.Objects);
        Assert.Equal(1ul << 16, _allocator.FreeBytes);
        Assert.False(_allocator.Free(block));
        Assert.False(_allocator.Free(-1));
        Assert.False(_allocator.Free(Capacity));
    }

    [Fact]
    public void A_block_that_the_kernel_does_not_revoke_stays_in_use()
    {
        Add(1, 0x10_0000, 16);
        int block = _allocator.Allocate(16);
        _kernel.RefusesToRevoke = true;
        Assert.False(_allocator.Free(block));
        Assert.Equal(UntypedBlock.None, _allocator.Allocate(4));
        _kernel.RefusesToRevoke = false;
        Assert.True(_allocator.Free(block));
        Assert.Equal(1ul << 16, _allocator.FreeBytes);
    }

    [Fact]
    public void Halves_are_joined_when_a_larger_block_is_wanted()
    {
        Add(1, 0x10_0000, 20);
        int[] pages = [.. Enumerable.Range(0, 100).Select(_ => _allocator.Allocate(12))];
        Assert.Equal(UntypedBlock.None, _allocator.Allocate(20));
        Assert.All(pages, p => Assert.True(_allocator.Free(p)));
        Assert.True(_kernel.Untypeds > 1);
        int whole = _allocator.Allocate(20);
        Assert.Equal((0x10_0000ul, 20), _kernel.Untyped(_allocator.SlotOf(whole)));
        Assert.Equal(1, _kernel.Untypeds);
        Assert.Equal(0ul, _allocator.FreeBytes);
    }

    [Fact]
    public void Memory_of_devices_is_given_out_by_address_alone()
    {
        Add(1, 0xfed9_0000, 16, isDevice: true);
        Assert.Equal(0ul, _allocator.FreeBytes);
        Assert.Equal(UntypedBlock.None, _allocator.Allocate(12));
        int registers = _allocator.AllocateDevice(0xfed9_3000, 12);
        Assert.Equal((0xfed9_3000ul, 12), _kernel.Untyped(_allocator.SlotOf(registers)));
        Assert.Equal(UntypedBlock.None, _allocator.AllocateDevice(0xfed9_3000, 12)); // taken
        Assert.Equal(UntypedBlock.None, _allocator.AllocateDevice(0xfed9_0000, 14)); // a part of it is
        Assert.Equal(UntypedBlock.None, _allocator.AllocateDevice(0xfed9_1800, 12)); // no page
        Assert.Equal(UntypedBlock.None, _allocator.AllocateDevice(0xfed8_0000, 12)); // nobody's
        Assert.NotEqual(UntypedBlock.None, _allocator.AllocateDevice(0xfed9_2000, 12));
        Assert.True(_allocator.Free(registers));
        Assert.Equal(registers, _allocator.AllocateDevice(0xfed9_3000, 12));
    }

    [Fact]
    public void A_table_that_is_full_refuses_and_goes_on()
    {
        Add(1, 0x4000_0000, 30);
        var taken = new List<int>();
        for (int block = _allocator.Allocate(12); block != UntypedBlock.None; block = _allocator.Allocate(12))
        {
            taken.Add(block);
        }

        Assert.InRange(taken.Count, Capacity / 4, Capacity);
        Assert.All(taken, b => Assert.True(_allocator.Free(b)));
        Assert.Equal(1ul << 30, _allocator.FreeBytes);
        Assert.NotEqual(UntypedBlock.None, _allocator.Allocate(30));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Nothing_overlaps_and_everything_comes_back(int seed)
    {
        Add(1, 0x10_0000, 20);
        Add(2, 0x100_0000, 22);
        Add(3, 0x7000, 12);
        ulong all = _allocator.FreeBytes;
        var random = new Random(seed);
        var live = new Dictionary<int, (ulong Address, int Bits)>();
        for (int step = 0; step < 5000; step++)
        {
            if (random.Next(2) == 0 && live.Count > 0)
            {
                int block = live.Keys.ElementAt(random.Next(live.Count));
                Assert.True(_allocator.Free(block));
                live.Remove(block);
            }
            else
            {
                int bits = random.Next(4, 20);
                int block = _allocator.Allocate(bits);
                if (block != UntypedBlock.None)
                {
                    (ulong Address, int Bits) range = _kernel.Untyped(_allocator.SlotOf(block));
                    Assert.Equal(bits, range.Bits);
                    Assert.Equal(0ul, range.Address & ((1ul << bits) - 1));
                    Assert.DoesNotContain(live.Values, other => range.Address < other.Address + (1ul << other.Bits) && other.Address < range.Address + (1ul << bits));
                    live.Add(block, range);
                }
            }

            Assert.Equal(all, _allocator.FreeBytes + live.Values.Aggregate(0ul, (sum, r) => sum + (1ul << r.Bits)));
        }

        Assert.All(live.Keys, b => Assert.True(_allocator.Free(b)));
        _ = _allocator.Join();
        Assert.Equal(3, _kernel.Untypeds);
        Assert.Equal(all, _allocator.FreeBytes);
    }
}
