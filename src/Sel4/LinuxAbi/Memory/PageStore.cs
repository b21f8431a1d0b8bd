namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// The pages of the component's own memory: made from its untyped objects as they are wanted, mapped, taken back cleared, and used again. The tables of the processor and of devices, and the layer's
/// own tables, are made of the same.
/// </summary>
internal static unsafe partial class PageStore
{
    /// <summary>Where the layer's own tables are mapped.</summary>
    internal const ulong OwnStart = ComponentLayout.Layer + 0x400_0000;

    private const int PageBits = 12;

    /// <summary>Slots for what is kept for good: a sixteenth of the pages, and these.</summary>
    private const uint KeptSlots = 160;
    private const int KeptShare = 16;

    private static PageTable s_pages;
    private static byte* s_bits;
    private static uint s_untyped;
    private static uint s_untypedEnd;
    private static ulong s_untypedLeft;
    private static uint s_firstPage;
    private static uint s_nextKept;
    private static uint s_endKept;
    private static ulong s_own;

    /// <summary>Pages that the component was given.</summary>
    internal static ulong Total { get; private set; }

    /// <summary>Pages that nothing was made of.</summary>
    internal static ulong Unmade { get; private set; }

    /// <summary>Pages in use, tables included.</summary>
    internal static ulong Used => Total - Unmade - (ulong)(s_pages.Made - s_pages.Mapped);

    /// <summary>The first slot that this does not use.</summary>
    internal static uint EndSlot => s_firstPage + (uint)s_pages.Capacity;

    /// <summary>Takes the untyped memory over, and makes its own tables of it.</summary>
    /// <returns>False where there is too little memory, or there are too few slots.</returns>
    internal static bool Start(ComponentInfo* info)
    {
        s_pages = default;
        s_bits = (byte*)info + info->UntypedBitsOffset;
        s_untyped = (uint)info->FirstUntyped;
        s_untypedEnd = s_untyped + (uint)info->Untypeds;
        s_untypedLeft = 0;
        s_own = OwnStart;
        Total = 0;
        for (ulong i = 0; i < info->Untypeds; i++)
        {
            Total += PagesOf(((ulong*)s_bits)[i]);
        }

        Unmade = Total;
        s_nextKept = (uint)info->FirstEmpty;
        s_endKept = s_firstPage = s_nextKept + KeptSlots + (uint)(Total / KeptShare);
        if (s_firstPage + Total > info->EndEmpty)
        {
            return false;
        }

        int bits = 0;
        while (1ul << bits < Total)
        {
            bits++;
        }

        var entries = (PageEntry*)Reserve(Total * (ulong)sizeof(PageEntry));
        int* heads = (int*)Reserve(sizeof(int) * (1ul << bits));
        s_pages = new PageTable(entries, (int)Total, heads, bits);
        return entries != null && heads != null;
    }

    /// <summary>Memory for the layer's own tables, zeroed, at a multiple of 16, never given back.</summary>
    /// <returns>Null where there is none.</returns>
    internal static void* Reserve(ulong length)
    {
        ulong start = s_own;
        ulong end = start + ((length + 15) & ~15ul);
        for (ulong page = (start + RegionTable.PageSize - 1) & ~(RegionTable.PageSize - 1); page < end; page += RegionTable.PageSize)
        {
            uint slot = TakeSlot();
            if (slot == 0 || !TryMake(BoardValue.ObjectPage, slot, 1) || !TryMap(slot, page, PageRights.Read | PageRights.Write))
            {
                return null;
            }
        }

        s_own = end;
        return (void*)start;
    }

    /// <summary>A slot for what is kept for good; 0 where there is none.</summary>
    internal static uint TakeSlot() => s_nextKept < s_endKept ? s_nextKept++ : 0;

    /// <summary>Makes a table, or another object of at most a page.</summary>
    /// <returns>Its slot, or 0 where there is no memory.</returns>
    internal static uint MakeKept(BoardValue type)
    {
        uint slot = TakeSlot();
        return slot != 0 && TryMake(type, slot, 1) ? slot : 0;
    }

    private static bool TryMake(BoardValue type, uint slot, uint count) => Unmade >= count && UseUntyped() >= count && Make(type, slot, count);

    private static uint MakeSome(uint slot, uint count)
    {
        ulong left = UseUntyped();
        count = left < count ? (uint)left : count;
        return Make(BoardValue.ObjectPage, slot, count) ? count : 0;
    }

    private static bool Make(BoardValue type, uint slot, uint count)
    {
        if (count == 0 || !LayerKernel.Make(s_untyped - 1, type, slot, count))
        {
            return false;
        }

        s_untypedLeft -= count;
        Unmade -= count;
        return true;
    }

    /// <summary>Goes on to the next untyped object where the last is used up.</summary>
    private static ulong UseUntyped()
    {
        while (s_untypedLeft == 0 && s_untyped < s_untypedEnd)
        {
            s_untypedLeft = PagesOf(*(ulong*)s_bits);
            s_bits += sizeof(ulong);
            s_untyped++;
        }

        return s_untypedLeft;
    }

    private static ulong PagesOf(ulong bits) => bits < PageBits ? 0 : 1ul << (int)(bits - PageBits);
}
