using System.Runtime.InteropServices;

namespace Makatea.Sel4.RootTask.Tests;

public sealed unsafe class SlotAllocatorTests : IDisposable
{
    private const uint First = 70;
    private const uint End = 700;
    private readonly ulong* _used = (ulong*)NativeMemory.AllocZeroed((End + 63) / 64, sizeof(ulong));
    private SlotAllocator _slots;

    public SlotAllocatorTests() => _slots = new(_used, First, End);

    public void Dispose() => NativeMemory.Free(_used);

    [Fact]
    public void Slots_are_handed_out_in_rows_until_there_are_none()
    {
        Assert.Equal(End - First, _slots.Available);
        Assert.Equal(First, _slots.Allocate(1));
        Assert.Equal(First + 1, _slots.Allocate(256));
        Assert.Equal(SlotAllocator.None, _slots.Allocate(0));
        Assert.Equal(SlotAllocator.None, _slots.Allocate(End));
        Assert.Equal(First + 257, _slots.Allocate(End - First - 257));
        Assert.Equal(0u, _slots.Available);
        Assert.Equal(SlotAllocator.None, _slots.Allocate(1));
    }

    [Fact]
    public void Only_what_was_handed_out_is_taken_back()
    {
        uint row = _slots.Allocate(8);
        Assert.False(_slots.Free(row, 9));
        Assert.False(_slots.Free(First - 1, 2));
        Assert.False(_slots.Free(End - 1, 2));
        Assert.False(_slots.Free(uint.MaxValue, 2));
        Assert.Equal(End - First - 8, _slots.Available);
        Assert.True(_slots.Free(row, 8));
        Assert.False(_slots.Free(row, 8));
        Assert.Equal(End - First, _slots.Available);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Rows_do_not_overlap(int seed)
    {
        var random = new Random(seed);
        var rows = new List<(uint First, uint Count)>();
        var taken = new HashSet<uint>();
        for (int step = 0; step < 20_000; step++)
        {
            if (random.Next(2) == 0 && rows.Count > 0)
            {
                int at = random.Next(rows.Count);
                Assert.True(_slots.Free(rows[at].First, rows[at].Count));
                taken.ExceptWith(Row(rows[at]));
                rows.RemoveAt(at);
            }
            else
            {
                uint count = (uint)random.Next(1, 100);
                uint first = _slots.Allocate(count);
                if (first != SlotAllocator.None)
                {
                    Assert.InRange(first, First, End - count);
                    Assert.All(Row((first, count)), slot => Assert.True(taken.Add(slot)));
                    rows.Add((first, count));
                }
            }

            Assert.Equal(End - First - (uint)taken.Count, _slots.Available);
        }
    }

    private static IEnumerable<uint> Row((uint First, uint Count) row) => Enumerable.Range((int)row.First, (int)row.Count).Select(s => (uint)s);
}
