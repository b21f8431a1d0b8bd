namespace Makatea.Sel4.LinuxAbi;

/// <content>Pages at addresses.</content>
internal static unsafe partial class PageStore
{
    /// <summary>Where a page is filled before it is shown.</summary>
    private const ulong Window = OwnStart - RegionTable.PageSize;

    /// <summary>So many are made at once.</summary>
    private const uint Batch = 16;

    /// <summary>The slot of the page at an address; 0 where none is.</summary>
    internal static uint SlotAt(ulong address)
    {
        int page = s_pages.Find(address);
        return page == PageTable.None ? 0 : s_firstPage + (uint)page;
    }

    /// <summary>Maps a zeroed page where none is.</summary>
    /// <returns>False where there is no memory.</returns>
    internal static bool TryPlace(ulong address, PageRights rights)
    {
        int page = s_pages.Take(address);
        if (page == PageTable.None)
        {
            uint count = (uint)(Unmade < Batch ? Unmade : Batch);
            if (count == 0 || (count = MakeSome(s_firstPage + (uint)s_pages.Made, count)) == 0)
            {
                return false;
            }

            s_pages.Grow((int)count);
            page = s_pages.Take(address);
        }

        if (TryMap(s_firstPage + (uint)page, address, rights))
        {
            return true;
        }

        s_pages.Give(page);
        return false;
    }

    /// <summary>Changes the rights of the pages in a range.</summary>
    internal static void SetRights(ulong start, ulong end, PageRights rights)
    {
        for (Walk walk = new(start, end); walk.TryNext(out int page);)
        {
            TryMap(s_firstPage + (uint)page, s_pages.AddressOf(page), rights);
        }
    }

    /// <summary>Takes the pages in a range back, cleared. Their rights were these.</summary>
    internal static void Take(ulong start, ulong end, PageRights rights)
    {
        for (Walk walk = new(start, end); walk.TryNext(out int page);)
        {
            ulong address = s_pages.AddressOf(page);
            uint slot = s_firstPage + (uint)page;
            if ((rights & PageRights.Write) == 0)
            {
                TryMap(slot, address, PageRights.Read | PageRights.Write);
            }

            LayerKernel.Clear(address, RegionTable.PageSize);
            LayerKernel.Unmap(slot);
            s_pages.Give(page);
        }
    }

    /// <summary>Takes the pages in a range to another address. Nothing is there.</summary>
    /// <returns>False where there is no memory for a table; some pages then are where they were.</returns>
    internal static bool TryMove(ulong start, ulong end, ulong target, PageRights rights)
    {
        for (Walk walk = new(start, end); walk.TryNext(out int page);)
        {
            ulong address = s_pages.AddressOf(page);
            ulong other = target + (address - start);
            LayerKernel.Unmap(s_firstPage + (uint)page);
            if (!TryMap(s_firstPage + (uint)page, other, rights))
            {
                return TryMap(s_firstPage + (uint)page, address, rights) && false;
            }

            s_pages.Move(page, other);
        }

        return true;
    }

    /// <summary>Takes own pages with the same contents to where others are mapped, which may be read.</summary>
    /// <returns>False where there is no memory.</returns>
    internal static bool TryReplace(ulong start, ulong end)
    {
        for (ulong address = start; address < end; address += RegionTable.PageSize)
        {
            if (!TryPlace(Window, PageRights.Read | PageRights.Write))
            {
                return false;
            }

            LayerKernel.Copy((byte*)Window, (byte*)address, RegionTable.PageSize);
            if (!TryMove(Window, Window + RegionTable.PageSize, address, PageRights.Read | PageRights.Write))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryMap(uint slot, ulong address, PageRights rights)
    {
        CapabilityRights allowed = (rights & PageRights.Write) != 0 ? CapabilityRights.ReadWrite : rights != PageRights.None ? CapabilityRights.Read : 0;
        for (; ; )
        {
            int missing = LayerKernel.Map(slot, address, allowed);
            if (missing is < 0 or (int)BoardValue.Count)
            {
                return missing > 0;
            }

            uint table = MakeKept((BoardValue)missing);
            if (table == 0 || !LayerKernel.MapTable(table, (BoardValue)missing, address))
            {
                return false;
            }
        }
    }

    /// <summary>The pages in a range, by looking at each address or at each page, whichever are fewer.</summary>
    private struct Walk
    {
        private readonly ulong _start;
        private readonly ulong _end;
        private readonly bool _byAddress;
        private ulong _address;
        private int _page;

        internal Walk(ulong start, ulong end)
        {
            _start = _address = start;
            _end = end;
            _byAddress = (end - start) / RegionTable.PageSize < (ulong)s_pages.Made;
            _page = 0;
        }

        internal bool TryNext(out int page)
        {
            for (; _byAddress && _address < _end; _address += RegionTable.PageSize)
            {
                page = s_pages.Find(_address);
                if (page != PageTable.None)
                {
                    _address += RegionTable.PageSize;
                    return true;
                }
            }

            for (; !_byAddress && _page < s_pages.Made; _page++)
            {
                ulong address = s_pages.AddressOf(_page);
                if (address >= _start && address < _end)
                {
                    page = _page++;
                    return true;
                }
            }

            page = PageTable.None;
            return false;
        }
    }
}
