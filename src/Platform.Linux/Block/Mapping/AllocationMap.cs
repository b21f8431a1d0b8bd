namespace Makatea.Platform.Linux;

/// <summary>
/// Which pages of a file in memory are known to be there, a bit each. Shared by a device's queues. It may say of a page that somebody just punched out that
/// it is there still; touching that one makes it anew, with zeroes in it, which is what it should hold.
/// </summary>
/// <param name="descriptor">The file.</param>
/// <param name="length">Its length in bytes.</param>
internal sealed class AllocationMap(int descriptor, ulong length) : IDisposable
{
    private const int PageBits = 12;
    private const int WordPages = 64;

    // The file is asked about this many pages at once, when the first of them is wanted.
    private const int ChunkPages = 512;
    private const int ChunkWords = ChunkPages / WordPages;

    private readonly NativeArray<ulong> _pages = new(checked((int)(((length >> PageBits) / WordPages) + ChunkWords)));
    private readonly NativeArray<int> _asked = new(checked((int)(((length >> PageBits) / ChunkPages) + 1)));

    /// <summary>Whether all pages of a part of the file are there.</summary>
    internal bool Contain(ulong offset, ulong count)
    {
        ulong last = (offset + count - 1) >> PageBits;
        for (ulong page = offset >> PageBits; page <= last; page++)
        {
            if (!IsSet(page) && !Ask(page))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Notes that a part of the file was written, so all its pages are there.</summary>
    internal void Add(ulong offset, ulong count)
    {
        if (count != 0)
        {
            AddPages(offset >> PageBits, (offset + count - 1) >> PageBits);
        }
    }

    /// <summary>Notes that pages may go. To be called before they do.</summary>
    internal void Remove(ulong offset, ulong count)
    {
        if (count == 0)
        {
            return;
        }

        ulong last = (offset + count - 1) >> PageBits;
        for (ulong page = offset >> PageBits; page <= last; page++)
        {
            Interlocked.And(ref _pages[(int)(page / WordPages)], ~(1ul << (int)(page % WordPages)));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pages.Dispose();
        _asked.Dispose();
    }

    private bool IsSet(ulong page) => (Volatile.Read(ref _pages[(int)(page / WordPages)]) & (1ul << (int)(page % WordPages))) != 0;

    private bool Ask(ulong page)
    {
        ref int asked = ref _asked[(int)(page / ChunkPages)];
        if (Volatile.Read(ref asked) != 0)
        {
            return false;
        }

        long position = (long)(page / ChunkPages * ChunkPages) << PageBits;
        long end = Math.Min(position + (ChunkPages << PageBits), (long)length);
        while (position < end)
        {
            long data = Libc.LSeek(descriptor, position, Libc.SEEK_DATA);
            if (data < 0 || data >= end)
            {
                break;
            }

            long hole = Libc.LSeek(descriptor, data, Libc.SEEK_HOLE);
            if (hole <= data)
            {
                break;
            }

            position = Math.Min(hole, end);
            AddPages((ulong)data >> PageBits, (ulong)(position - 1) >> PageBits);
        }

        Volatile.Write(ref asked, 1);
        return IsSet(page);
    }

    private void AddPages(ulong first, ulong last)
    {
        for (ulong page = first; page <= last; page++)
        {
            Interlocked.Or(ref _pages[(int)(page / WordPages)], 1ul << (int)(page % WordPages));
        }
    }
}
