namespace Makatea.Sel4.LinuxAbi;

/// <summary>The regions of an address space, in order of their addresses, none over another. The caller's memory; it does not grow.</summary>
internal unsafe struct RegionTable
{
    internal const ulong PageSize = 4096;

    /// <summary>Entries that one change may add: a region is cut at both ends of a range.</summary>
    internal const int Cuts = 2;

    private readonly Region* _regions;
    private readonly int _capacity;

    /// <summary>Starts empty.</summary>
    internal RegionTable(Region* regions, int capacity)
    {
        _regions = regions;
        _capacity = capacity;
        Count = 0;
    }

    internal int Count { get; private set; }

    /// <summary>There is room for another change of a range and a new region in its place.</summary>
    internal readonly bool HasRoom => Count + Cuts + 1 <= _capacity;

    internal readonly Region* this[int index] => _regions + index;

    /// <summary>The first region that ends above an address; <see cref="Count"/> where none does.</summary>
    internal readonly int FirstAbove(ulong address)
    {
        int low = 0;
        int high = Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_regions[middle].End > address)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }

    /// <summary>The region that an address is in, or null.</summary>
    internal readonly Region* Find(ulong address)
    {
        int index = FirstAbove(address);
        return index < Count && _regions[index].Start <= address ? _regions + index : null;
    }

    /// <summary>The lowest free addresses in a row.</summary>
    /// <param name="length">How many bytes.</param>
    /// <param name="from">The lowest that will do.</param>
    /// <param name="end">The end of those that will do.</param>
    /// <returns>The first, or 0.</returns>
    internal readonly ulong FindGap(ulong length, ulong from, ulong end)
    {
        ulong start = from;
        for (int i = FirstAbove(from); i < Count && _regions[i].Start < end; i++)
        {
            if (_regions[i].Start > start && _regions[i].Start - start >= length)
            {
                return start;
            }

            start = _regions[i].End;
        }

        return start < end && end - start >= length ? start : 0;
    }

    /// <summary>Nothing is there.</summary>
    internal readonly bool IsFree(ulong start, ulong end)
    {
        int index = FirstAbove(start);
        return index == Count || _regions[index].Start >= end;
    }

    /// <summary>Adds a region where nothing is. There is room.</summary>
    internal void Add(in Region region)
    {
        int index = FirstAbove(region.Start);
        Open(index);
        _regions[index] = region;
        Join(index + 1);
        Join(index);
    }

    /// <summary>Cuts the region that an address is inside of, so that one starts there. There is room.</summary>
    /// <returns>The first region from there on.</returns>
    internal int CutAt(ulong address)
    {
        int index = FirstAbove(address);
        if (index < Count && _regions[index].Start < address)
        {
            Open(index);
            _regions[index] = _regions[index + 1];
            _regions[index].End = address;
            _regions[index + 1].Start = address;
            index++;
        }

        return index;
    }

    /// <summary>Takes regions out.</summary>
    internal void Remove(int index, int count)
    {
        for (int i = index; i + count < Count; i++)
        {
            _regions[i] = _regions[i + count];
        }

        Count -= count;
    }

    /// <summary>Joins regions that are alike, from before the first that changed to after the last.</summary>
    internal void JoinAround(ulong start, ulong end)
    {
        int first = FirstAbove(start == 0 ? 0 : start - 1);
        for (int i = FirstAbove(end); i >= first; i--)
        {
            Join(i);
        }
    }

    private void Open(int index)
    {
        for (int i = Count; i > index; i--)
        {
            _regions[i] = _regions[i - 1];
        }

        Count++;
    }

    private void Join(int index)
    {
        if (index > 0 && index < Count && _regions[index].Continues(_regions[index - 1]))
        {
            _regions[index - 1].End = _regions[index].End;
            Remove(index, 1);
        }
    }
}
