namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// The program's address space. Memory is given when it is touched, but what may be written is promised when it is asked for, so that a program hears that there is no memory where it can be told.
/// </summary>
internal static unsafe partial class AddressSpace
{
    private const ulong PageSize = RegionTable.PageSize;
    private const int MaxRegions = 2048;

    /// <summary>A share of the memory is kept for page tables and stacks: one of so many pages.</summary>
    private const ulong KeptShare = 16;

    private static RegionTable s_regions;
    private static ulong s_promised;
    private static ulong s_mostPromised;

    /// <summary>Pages that are promised to the program.</summary>
    internal static ulong Promised => s_promised;

    /// <summary>Starts with nothing mapped.</summary>
    internal static bool Start()
    {
        var regions = (Region*)PageStore.Reserve(MaxRegions * (ulong)sizeof(Region));
        s_regions = new RegionTable(regions, MaxRegions);
        s_promised = 0;
        s_mostPromised = PageStore.Unmade - (PageStore.Unmade / KeptShare);
        return regions != null;
    }

    /// <summary>A region by its number, in order of their addresses.</summary>
    internal static bool TryGet(int index, out Region region)
    {
        region = index < s_regions.Count ? *s_regions[index] : default;
        return index < s_regions.Count;
    }

    /// <summary>The region at an address, or null.</summary>
    internal static Region* Find(ulong address) => s_regions.Find(address);

    /// <summary>Adds what the root task mapped.</summary>
    internal static void AddMapped(ulong start, ulong end, PageRights rights, RegionKind kind)
    {
        start &= ~(PageSize - 1);
        end = RoundUp(end);

        // Segments may share a page.
        Region* before = s_regions.Find(start);
        start = before != null ? before->End : start;
        if (start < end && s_regions.HasRoom && s_regions.IsFree(start, end))
        {
            s_regions.Add(new Region { Start = start, End = end, Kind = kind, Rights = rights });
        }
    }

    /// <summary>mmap of memory.</summary>
    /// <param name="address">Where; 0 for anywhere.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="rights">What may be done.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="replaces">Whatever is there goes.</param>
    /// <returns>Its address, or an error.</returns>
    internal static long Map(ulong address, ulong length, PageRights rights, RegionKind kind, bool replaces)
    {
        if (length == 0 || length > ComponentLayout.FreeEnd)
        {
            return length == 0 ? Errno.Invalid : Errno.NoMemory;
        }

        length = RoundUp(length);
        bool fits = (address & (PageSize - 1)) == 0 && IsOurs(address, length);
        if (replaces && !fits)
        {
            return Errno.Invalid;
        }

        if (!replaces && (!fits || !s_regions.IsFree(address, address + length)))
        {
            address = s_regions.FindGap(length, ComponentLayout.Free, ComponentLayout.FreeEnd);
        }

        var region = new Region { Start = address, End = address + length, Kind = kind, Rights = rights };
        ulong freed = replaces ? PromisedIn(address, address + length) : 0;
        if (address == 0 || !s_regions.HasRoom || (region.IsPromised && s_promised - freed + region.Pages > s_mostPromised))
        {
            return Errno.NoMemory;
        }

        if (replaces)
        {
            long removed = Unmap(address, length);
            if (removed != 0)
            {
                return removed;
            }
        }

        s_regions.Add(region);
        s_promised += region.IsPromised ? region.Pages : 0;
        return (long)address;
    }

    /// <summary>munmap.</summary>
    internal static long Unmap(ulong address, ulong length)
    {
        length = RoundUp(length);
        if (length == 0 || (address & (PageSize - 1)) != 0 || !IsOurs(address, length))
        {
            return Errno.Invalid;
        }

        ulong end = address + length;
        if (!s_regions.HasRoom)
        {
            return Errno.NoMemory;
        }

        for (int i = s_regions.FirstAbove(address); i < s_regions.Count && s_regions[i]->Start < end; i++)
        {
            if (s_regions[i]->Kind == RegionKind.Dma && DeviceMappings.Reach(address, end))
            {
                return Errno.Busy;
            }
        }

        s_promised -= PromisedIn(address, end);
        int first = s_regions.CutAt(address);
        int count = s_regions.CutAt(end) - first;
        for (int i = first; i < first + count; i++)
        {
            PageStore.Take(s_regions[i]->Start, s_regions[i]->End, s_regions[i]->Rights);
        }

        s_regions.Remove(first, count);
        return 0;
    }

    /// <summary>Somebody wants to touch an address.</summary>
    internal static PageOutcome Touch(ulong address, PageRights wanted)
    {
        Region* region = s_regions.Find(address);
        if (region == null || region->Rights == PageRights.None || ((wanted & PageRights.Write) != 0 && (region->Rights & PageRights.Write) == 0))
        {
            return PageOutcome.Denied;
        }

        if (region->Kind == RegionKind.Fixed && address >= ComponentLayout.Grants && Grants.FindMapped(address) == null)
        {
            return PageOutcome.Denied;
        }

        if (region->Kind is RegionKind.Fixed or RegionKind.Program || PageStore.SlotAt(address) != 0)
        {
            return PageOutcome.There;
        }

        return PageStore.TryPlace(address & ~(PageSize - 1), region->Rights) ? PageOutcome.There : PageOutcome.NoMemory;
    }

    private static ulong PromisedIn(ulong address, ulong end)
    {
        ulong pages = 0;
        for (int i = s_regions.FirstAbove(address); i < s_regions.Count && s_regions[i]->Start < end; i++)
        {
            pages += s_regions[i]->IsPromised ? Within(s_regions[i], address, end) / PageSize : 0;
        }

        return pages;
    }

    private static ulong Within(Region* region, ulong address, ulong end) =>
        (region->End < end ? region->End : end) - (region->Start > address ? region->Start : address);

    private static bool IsOurs(ulong address, ulong length) =>
        address >= ComponentLayout.Free && address < ComponentLayout.FreeEnd && length <= ComponentLayout.FreeEnd - address;

    private static ulong RoundUp(ulong length) => (length + PageSize - 1) & ~(PageSize - 1);
}
