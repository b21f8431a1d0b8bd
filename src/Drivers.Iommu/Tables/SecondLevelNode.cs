namespace Makatea.Drivers.Iommu.Tables;

/// <summary>A table of one level, and our own knowledge of the tables below it, so that a table is never found by an address that was read from memory.</summary>
internal sealed class SecondLevelNode(TablePage page, int level)
{
    private readonly SecondLevelNode?[] _children = level > 1 ? new SecondLevelNode?[TablePage.Entries] : [];

    /// <summary>Its memory.</summary>
    internal TablePage Page => page;

    /// <summary>1 for the lowest.</summary>
    internal int Level => level;

    /// <summary>Entries that are present.</summary>
    internal int Present { get; private set; }

    /// <summary>The table below an entry; null where the entry is a page or not present.</summary>
    internal SecondLevelNode? Child(int index) => level > 1 ? _children[index] : null;

    /// <summary>Makes an entry a page.</summary>
    internal void SetPage(int index, ulong entry)
    {
        Present += SecondLevelEntry.IsPresent(page[index]) ? 0 : 1;
        page.Write(index, entry);
    }

    /// <summary>Makes an entry lead to a table, in one write: what both translate alike is never missing.</summary>
    internal void SetChild(int index, SecondLevelNode child)
    {
        Present += SecondLevelEntry.IsPresent(page[index]) ? 0 : 1;
        _children[index] = child;
        page.Write(index, SecondLevelEntry.Table(child.Page.Address));
    }

    /// <summary>Makes an entry not present.</summary>
    internal void Clear(int index)
    {
        Present--;
        page.Write(index, 0);
        if (level > 1)
        {
            _children[index] = null;
        }
    }
}
