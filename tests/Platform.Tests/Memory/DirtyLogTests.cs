namespace Makatea.Platform.Tests;

public sealed class DirtyLogTests
{
    [Theory]
    [InlineData(0ul, 1ul, new int[] { 0 })]
    [InlineData(4095ul, 1ul, new int[] { 0 })]
    [InlineData(4095ul, 2ul, new int[] { 0, 1 })]
    [InlineData(4096ul, 4096ul, new int[] { 1 })]
    [InlineData(0x8001ul, 8192ul, new int[] { 8, 9, 10 })]
    [InlineData(31 * 4096ul, 8192ul, new int[] { 31, 32 })]
    [InlineData(0x5000ul, 0ul, new int[0])]
    public void Every_page_that_is_touched_is_marked_and_no_other(ulong address, ulong length, int[] pages)
    {
        LocalMemory memory = new(64);
        using DirtyLog log = new(memory, 0, 64);
        log.Mark(address, length);
        Assert.Equal(pages, Marked(memory.Bytes));
    }

    [Fact]
    public void The_bitmap_starts_at_its_offset()
    {
        LocalMemory memory = new(64);
        using DirtyLog log = new(memory, 32, 8);
        log.Mark(0, ulong.MaxValue);
        Assert.Equal(Enumerable.Range(256, 64), Marked(memory.Bytes));
    }

    [Theory]
    [InlineData(64 * 8 * 4096ul, 1ul)]
    [InlineData(ulong.MaxValue, 1ul)]
    [InlineData(ulong.MaxValue, ulong.MaxValue)]
    public void Pages_beyond_the_log_are_passed_over(ulong address, ulong length)
    {
        LocalMemory memory = new(64);
        using DirtyLog log = new(memory, 0, 64);
        log.Mark(address, length);
        Assert.Empty(Marked(memory.Bytes));
        Assert.False(log.Covers(address));
        Assert.True(log.Covers((64 * 8 * 4096ul) - 1));
    }

    [Fact]
    public void A_length_that_wraps_marks_to_the_end_of_the_log()
    {
        LocalMemory memory = new(64);
        using DirtyLog log = new(memory, 0, 64);
        log.Mark(510 * 4096ul, ulong.MaxValue);
        Assert.Equal([510, 511], Marked(memory.Bytes));
    }

    [Theory]
    [InlineData(0ul, 68ul)]
    [InlineData(0ul, 62ul)]
    [InlineData(64ul, 4ul)]
    [InlineData(68ul, 0ul)]
    [InlineData(2ul, 4ul)]
    [InlineData(0ul, 0x80000000ul)]
    public void A_bitmap_that_is_not_inside_or_not_aligned_is_refused(ulong offset, ulong length)
    {
        using LocalMemory memory = new(64);
        Assert.Throws<ArgumentOutOfRangeException>(() => new DirtyLog(memory, offset, length));
    }

    [Fact]
    public void An_empty_log_covers_nothing()
    {
        LocalMemory memory = new(64);
        using DirtyLog log = new(memory, 0, 0);
        log.Mark(0, ulong.MaxValue);
        Assert.False(log.Covers(0));
        Assert.Empty(Marked(memory.Bytes));
    }

    [Fact]
    public void Dispose_gives_the_mapping_up()
    {
        LocalMemory memory = new(64);
        new DirtyLog(memory, 0, 64).Dispose();
        Assert.True(memory.WasDisposed);
    }

    /// <summary>Queues mark bits of the same words while the front end collects and clears them: each mark is seen once.</summary>
    [Fact]
    public void No_mark_is_lost_between_queues_and_a_front_end_that_clears()
    {
        const int Words = 4;
        const int Pages = Words * 32;
        const int Rounds = 3000;
        using NativeArray<uint> bitmap = new(Words);
        using DirtyLog log = new(new BorrowedMemory(bitmap.AsSegment()), 0, Words * 4);
        int[] seen = new int[Pages];
        using Barrier round = new(3);
        Thread[] queues = [.. Enumerable.Range(0, 2).Select(queue => new Thread(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                round.SignalAndWait();
                for (int page = queue; page < Pages; page += 2)
                {
                    log.Mark((ulong)page * DirtyLog.PageSize, 1);
                }

                round.SignalAndWait();
            }
        }))];
        Array.ForEach(queues, queue => queue.Start());
        for (int i = 0; i < Rounds; i++)
        {
            round.SignalAndWait();
            Collect(bitmap, seen);
            Collect(bitmap, seen);
            round.SignalAndWait();
            Collect(bitmap, seen);
        }

        Array.ForEach(queues, queue => queue.Join());
        Assert.Equal(Enumerable.Repeat(Rounds, Pages), seen);
    }

    private static void Collect(NativeArray<uint> bitmap, int[] seen)
    {
        for (int word = 0; word < bitmap.Length; word++)
        {
            uint bits = Interlocked.Exchange(ref bitmap[word], 0);
            for (int bit = 0; bit < 32; bit++)
            {
                seen[(word * 32) + bit] += (int)(bits >> bit) & 1;
            }
        }
    }

    private static IEnumerable<int> Marked(Span<byte> bitmap)
    {
        List<int> pages = [];
        for (int page = 0; page < bitmap.Length * 8; page++)
        {
            if ((bitmap[page / 8] & (1 << (page % 8))) != 0)
            {
                pages.Add(page);
            }
        }

        return pages;
    }

    private sealed class BorrowedMemory(MemorySegment segment) : MappedMemory
    {
        public override nint Address => segment.Address;

        public override ulong Length => (ulong)segment.Length;

        public override bool IsLost => false;

        protected override void Dispose(bool disposing)
        {
        }
    }
}
