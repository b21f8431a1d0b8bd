namespace Makatea.Sel4.LinuxAbi;

/// <summary>Which of the component's pages is at which address: a hash table over pages numbered from 0. The caller's memory, zeroed.</summary>
internal unsafe struct PageTable
{
    /// <summary>No page.</summary>
    internal const int None = -1;

    private const int PageBits = 12;
    private const ulong Multiplier = 0x9e37_79b9_7f4a_7c15;

    // Numbers are kept plus one, so that zero is none.
    private readonly PageEntry* _entries;
    private readonly int* _heads;
    private readonly int _headBits;
    private int _free;

    /// <summary>Starts without pages.</summary>
    /// <param name="entries">Room for entries, one for each page there may be.</param>
    /// <param name="capacity">How many.</param>
    /// <param name="heads">Room for 2 to <paramref name="headBits"/> numbers.</param>
    /// <param name="headBits">About as many as there are pages.</param>
    internal PageTable(PageEntry* entries, int capacity, int* heads, int headBits)
    {
        _entries = entries;
        _heads = heads;
        _headBits = headBits;
        Capacity = capacity;
        _free = 0;
        Made = 0;
        Mapped = 0;
    }

    internal int Capacity { get; }

    /// <summary>Pages that there are, mapped or free: numbers below it.</summary>
    internal int Made { get; private set; }

    /// <summary>Pages that are at an address.</summary>
    internal int Mapped { get; private set; }

    /// <summary>The address of a page; 0 where it is at none.</summary>
    internal readonly ulong AddressOf(int page) => _entries[page].Address;

    /// <summary>The page at an address.</summary>
    internal readonly int Find(ulong address)
    {
        address &= ~((1ul << PageBits) - 1);
        for (int next = _heads[Bucket(address)]; next != 0; next = _entries[next - 1].Next)
        {
            if (_entries[next - 1].Address == address)
            {
                return next - 1;
            }
        }

        return None;
    }

    /// <summary>Adds pages that were made, all free.</summary>
    internal void Grow(int count)
    {
        for (int i = 0; i < count; i++)
        {
            PushFree(Made++);
        }
    }

    /// <summary>Takes a free page to an address.</summary>
    /// <returns>The page, or <see cref="None"/> where none is free.</returns>
    internal int Take(ulong address)
    {
        if (_free == 0)
        {
            return None;
        }

        int page = _free - 1;
        _free = _entries[page].Next;
        Link(page, address);
        Mapped++;
        return page;
    }

    /// <summary>Takes a page from its address; it is free.</summary>
    internal void Give(int page)
    {
        Unlink(page);
        PushFree(page);
        Mapped--;
    }

    /// <summary>Takes a page to another address.</summary>
    internal readonly void Move(int page, ulong address)
    {
        Unlink(page);
        Link(page, address);
    }

    private void PushFree(int page)
    {
        _entries[page] = new PageEntry { Address = 0, Next = _free };
        _free = page + 1;
    }

    private readonly void Link(int page, ulong address)
    {
        int* head = _heads + Bucket(address);
        _entries[page] = new PageEntry { Address = address, Next = *head };
        *head = page + 1;
    }

    private readonly void Unlink(int page)
    {
        int* at = _heads + Bucket(_entries[page].Address);
        while (*at != page + 1)
        {
            at = &_entries[*at - 1].Next;
        }

        *at = _entries[page].Next;
    }

    private readonly uint Bucket(ulong address) => (uint)((address >> PageBits) * Multiplier >> (64 - _headBits));
}

/// <summary>A page in <see cref="PageTable"/>.</summary>
internal struct PageEntry
{
    /// <summary>Where it is; 0 where it is free.</summary>
    internal ulong Address;

    /// <summary>The next in its list, plus one.</summary>
    internal int Next;
}
