using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Tables;

/// <summary>
/// An entry of a second-level table ([VT-d-4.1] 9.8): read (bit 0), write (bit 1), page size (bit 7: the entry is a page above the lowest level), address (bits 51:12).
/// An entry that allows neither reading nor writing is not present.
/// </summary>
internal static class SecondLevelEntry
{
    internal const int PageShift = 12;
    internal const int LevelBits = 9;

    private const ulong Read = 1 << 0;
    private const ulong Write = 1 << 1;
    private const ulong LargePage = 1 << 7;
    private const ulong AddressMask = 0x000f_ffff_ffff_f000;

    /// <summary>An entry that points to a table. Rights are those of the page alone.</summary>
    internal static ulong Table(ulong address) => address | Read | Write;

    /// <summary>An entry that is a page.</summary>
    internal static ulong Page(ulong address, DmaAccess access, int level) =>
        address | ((access & DmaAccess.Read) != 0 ? Read : 0) | ((access & DmaAccess.Write) != 0 ? Write : 0) | (level > 1 ? LargePage : 0);

    /// <summary>The entry translates or leads on.</summary>
    internal static bool IsPresent(ulong entry) => (entry & (Read | Write)) != 0;

    /// <summary>What the page allows.</summary>
    internal static DmaAccess Access(ulong entry) =>
        ((entry & Read) != 0 ? DmaAccess.Read : 0) | ((entry & Write) != 0 ? DmaAccess.Write : 0);

    /// <summary>Physical address in the entry.</summary>
    internal static ulong Address(ulong entry) => entry & AddressMask;

    /// <summary>Log2 of the bytes that an entry of a level covers: 12, 21, 30, 39.</summary>
    internal static int Shift(int level) => PageShift + ((level - 1) * LevelBits);

    /// <summary>Where an address is in a table of a level.</summary>
    internal static int Index(ulong iova, int level) => (int)(iova >> Shift(level)) & (TablePage.Entries - 1);
}
