using Makatea.Platform;
using static Makatea.Drivers.Iommu.Tables.SecondLevelEntry;

namespace Makatea.Drivers.Iommu.Tables;

/// <summary>
/// The tables of a domain ([VT-d-4.1] 3.7): device address to physical address by pages of 4 KiB, 2 MiB and 1 GiB, each as large as it can be. Nothing here tells a
/// unit; the domain does, with what <see cref="Unmap"/> returns.
/// </summary>
internal sealed class SecondLevelTable
{
    private readonly TableMemory _memory;
    private readonly int _maxPageLevel;
    private readonly SecondLevelNode _root;

    /// <summary>Starts with nothing mapped.</summary>
    /// <param name="memory">Where tables come from.</param>
    /// <param name="levels">3 or 4.</param>
    /// <param name="maxPageLevel">Highest level that may have pages: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB.</param>
    internal SecondLevelTable(TableMemory memory, int levels, int maxPageLevel)
    {
        _memory = memory;
        _maxPageLevel = maxPageLevel;
        _root = new SecondLevelNode(memory.Allocate(), levels);
    }

    /// <summary>Physical address of the top table.</summary>
    internal ulong Address => _root.Page.Address;

    /// <summary>Levels of tables.</summary>
    internal int Levels => _root.Level;

    /// <summary>Whether nothing from <paramref name="first"/> to <paramref name="last"/> is mapped.</summary>
    internal bool IsFree(ulong first, ulong last) => IsFree(_root, 0, first, last);

    /// <summary>Maps free addresses.</summary>
    /// <param name="iova">First device address, of a page.</param>
    /// <param name="physical">First physical address, of a page.</param>
    /// <param name="length">Whole pages.</param>
    /// <param name="access">What devices may do, not nothing.</param>
    /// <exception cref="DmaException">There is no memory for tables. A part may be mapped.</exception>
    internal void Map(ulong iova, ulong physical, ulong length, DmaAccess access)
    {
        while (length > 0)
        {
            int level = _maxPageLevel;
            while (level > 1 && (((iova | physical) & ((1ul << Shift(level)) - 1)) != 0 || length >> Shift(level) == 0))
            {
                level--;
            }

            SecondLevelNode node = _root;
            while (node.Level > level)
            {
                int index = Index(iova, node.Level);
                SecondLevelNode? child = node.Child(index);
                if (child is null)
                {
                    child = new SecondLevelNode(_memory.Allocate(), node.Level - 1);
                    node.SetChild(index, child);
                }

                node = child;
            }

            node.SetPage(Index(iova, level), Page(physical, access, level));
            ulong done = 1ul << Shift(level);
            iova += done;
            physical += done;
            length -= done;
        }
    }

    /// <summary>Takes addresses out, whether they are mapped or not. Large pages that reach beyond are split first, so that the rest goes on being translated.</summary>
    /// <param name="first">First address, of a page.</param>
    /// <param name="last">Last address, of a page.</param>
    /// <param name="retired">Gets the tables that are empty now: they may be given back once no unit has them cached.</param>
    /// <returns>First and last address of what units may have cached: what was taken out, and the whole of pages that were split.</returns>
    /// <exception cref="DmaException">There is no memory to split a page. Everything is translated as before, but units may have a page cached that was split.</exception>
    internal (ulong First, ulong Last) Unmap(ulong first, ulong last, List<TablePage> retired)
    {
        (ulong low, ulong high) = (first, last);
        Split(first, ref low, ref high);
        Split(last + 1, ref low, ref high);
        Clear(_root, 0, first, last, retired);
        return (low, high);
    }

    /// <summary>Gives all tables back. No unit may know of them any more.</summary>
    internal void Free()
    {
        List<TablePage> retired = [_root.Page];
        Clear(_root, 0, 0, ulong.MaxValue, retired);
        retired.ForEach(page => page.Dispose());
    }

    private static bool IsFree(SecondLevelNode node, ulong start, ulong first, ulong last)
    {
        foreach ((int index, ulong entryFirst, ulong entryLast) in EntriesIn(node, start, first, last))
        {
            if (SecondLevelEntry.IsPresent(node.Page[index]) && (node.Child(index) is not { } child || (entryFirst >= first && entryLast <= last) || !IsFree(child, entryFirst, first, last)))
            {
                return false;
            }
        }

        return true;
    }

    private static void Clear(SecondLevelNode node, ulong start, ulong first, ulong last, List<TablePage> retired)
    {
        foreach ((int index, ulong entryFirst, _) in EntriesIn(node, start, first, last))
        {
            if (!IsPresent(node.Page[index]))
            {
                continue;
            }

            SecondLevelNode? child = node.Child(index);
            if (child is not null)
            {
                Clear(child, entryFirst, first, last, retired);
            }

            if (child is not { Present: > 0 })
            {
                node.Clear(index);
                if (child is not null)
                {
                    retired.Add(child.Page);
                }
            }
        }
    }

    /// <summary>The entries of a table, which starts at an address, that have something of a range; with their first and last addresses.</summary>
    private static IEnumerable<(int Index, ulong First, ulong Last)> EntriesIn(SecondLevelNode node, ulong start, ulong first, ulong last)
    {
        int shift = Shift(node.Level);
        ulong end = start + (((ulong)TablePage.Entries << shift) - 1);
        if (first > end || last < start)
        {
            yield break;
        }

        int lastIndex = (int)((Math.Min(last, end) - start) >> shift);
        for (int i = (int)((Math.Max(first, start) - start) >> shift); i <= lastIndex; i++)
        {
            ulong entryFirst = start + ((ulong)i << shift);
            yield return (i, entryFirst, entryFirst + ((1ul << shift) - 1));
        }
    }

    /// <summary>Splits the pages that have a boundary in their inside.</summary>
    private void Split(ulong boundary, ref ulong low, ref ulong high)
    {
        SecondLevelNode node = _root;
        while (node.Level > 1 && (boundary & ((1ul << Shift(node.Level)) - 1)) != 0)
        {
            int index = Index(boundary, node.Level);
            ulong entry = node.Page[index];
            if (!IsPresent(entry))
            {
                return;
            }

            SecondLevelNode? child = node.Child(index);
            if (child is null)
            {
                child = SplitPage(entry, node.Level - 1);
                node.SetChild(index, child);
                ulong first = boundary & ~((1ul << Shift(node.Level)) - 1);
                low = Math.Min(low, first);
                high = Math.Max(high, first + ((1ul << Shift(node.Level)) - 1));
            }

            node = child;
        }
    }

    /// <summary>Makes a table that translates as a page does.</summary>
    private SecondLevelNode SplitPage(ulong entry, int level)
    {
        var node = new SecondLevelNode(_memory.Allocate(), level);
        for (int i = 0; i < TablePage.Entries; i++)
        {
            node.SetPage(i, Page(Address(entry) + ((ulong)i << Shift(level)), Access(entry), level));
        }

        return node;
    }
}
