using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>Translates linear addresses by the guest's page tables, with the rights that the processor checks ([SDM] 3A 4.3 to 4.7). Accessed and dirty bits stay as they are.</summary>
/// <remarks>Protection keys are not looked at: guests whose instructions are decoded here are not offered them.</remarks>
internal static class PageWalk
{
    /// <summary>#PF's error code, and entries' bit: the translation is present.</summary>
    public const uint Present = 1;

    private const ulong Writable = 1 << 1;
    private const ulong UserPage = 1 << 2;
    private const ulong LargePage = 1 << 7;
    private const ulong NoExecute = 1ul << 63;
    private const ulong AddressMask = 0x000f_ffff_ffff_f000;

    private const ulong WriteProtect = 1 << 16;
    private const ulong PageSizeExtensions = 1 << 4;
    private const ulong FiveLevels = 1 << 12;
    private const ulong Smep = 1 << 20;
    private const ulong Smap = 1 << 21;
    private const ulong NxEnable = 1 << 11;
    private const ulong AlignmentCheckFlag = 1 << 18;

    /// <summary>Translates one address; the bytes up to the end of its page lie together.</summary>
    /// <param name="memory">Where the tables are.</param>
    /// <param name="system">The processor's control registers.</param>
    /// <param name="flags">RFLAGS.</param>
    /// <param name="linear">The address; truncated to 32 bits by who is not in long mode.</param>
    /// <param name="access">What is to be done there.</param>
    /// <param name="physical">Guest-physical address.</param>
    /// <param name="errorCode">Where there is none: the error code of the page fault that the guest is to get.</param>
    /// <returns>How it went.</returns>
    public static PageWalkResult Translate(
        GuestMemory memory, in CpuSystemRegisters system, ulong flags, ulong linear, PageAccess access, out ulong physical, out uint errorCode)
    {
        physical = linear;
        errorCode = 0;
        if ((system.Cr0 & CpuSystemRegisters.Paging) == 0)
        {
            return PageWalkResult.Done;
        }

        bool isLong = (system.Efer & CpuSystemRegisters.LongModeActive) != 0;
        bool isExtended = (system.Cr4 & CpuSystemRegisters.PhysicalAddressExtension) != 0;
        int levels = isLong ? (system.Cr4 & FiveLevels) != 0 ? 5 : 4 : isExtended ? 3 : 2;
        int entryLength = isExtended ? 8 : 4;
        int bits = isExtended ? 9 : 10;
        if (isLong && !IsCanonical(linear, 12 + (9 * levels)))
        {
            return PageWalkResult.NotCanonical;
        }

        // PAE's table of four entries is aligned to 32 bytes, and has no rights in it ([SDM] 3A 4.4.1).
        ulong table = system.Cr3 & (levels == 3 ? 0xffff_ffe0 : AddressMask);
        ulong rights = Writable | UserPage;
        bool isExecutable = true;
        for (int level = levels; level >= 1; level--)
        {
            int shift = 12 + (bits * (level - 1));
            ulong index = (linear >> shift) & ((1ul << (level == 3 && levels == 3 ? 2 : bits)) - 1);
            if (!memory.TryTranslate(table + (index * (ulong)entryLength), entryLength, MemoryAccess.Read, out MemorySegment at))
            {
                return PageWalkResult.TablesOutsideMemory;
            }

            ulong entry = entryLength == 8 ? at.ReadUInt64(0) : at.ReadUInt32(0);
            if ((entry & Present) == 0)
            {
                errorCode = ErrorCode(access, system);
                return PageWalkResult.Fault;
            }

            if (level != 3 || levels != 3)
            {
                rights &= entry;
            }

            isExecutable &= entryLength == 4 || (entry & NoExecute) == 0 || (system.Efer & NxEnable) == 0;
            if (level == 1 || IsLarge(entry, level, levels, system))
            {
                physical = Frame(entry, shift, entryLength) | (linear & ((1ul << shift) - 1));
                break;
            }

            table = entry & (entryLength == 8 ? AddressMask : 0xffff_f000);
        }

        if (IsAllowed(access, rights, isExecutable, system, flags))
        {
            return PageWalkResult.Done;
        }

        errorCode = ErrorCode(access, system) | Present;
        return PageWalkResult.Fault;
    }

    private static bool IsCanonical(ulong linear, int bits) => (ulong)((long)(linear << (64 - bits)) >> (64 - bits)) == linear;

    /// <summary>Pages of 4 MiB (32-bit paging, with CR4.PSE), 2 MiB and 1 GiB.</summary>
    private static bool IsLarge(ulong entry, int level, int levels, in CpuSystemRegisters system) =>
        (entry & LargePage) != 0 && (level == 2 || (level == 3 && levels > 3)) && (levels != 2 || (system.Cr4 & PageSizeExtensions) != 0);

    private static ulong Frame(ulong entry, int shift, int entryLength) =>
        entryLength == 4 && shift == 22
            ? (entry & 0xffc0_0000) | (((entry >> 13) & 0xff) << 32) // PSE-36 ([SDM] 3A, table 4-4).
            : entry & (entryLength == 8 ? AddressMask : 0xffff_f000) & ~((1ul << shift) - 1);

    /// <summary>[SDM] 3A 4.6.1.</summary>
    private static bool IsAllowed(PageAccess access, ulong rights, bool isExecutable, in CpuSystemRegisters system, ulong flags)
    {
        bool isUserPage = (rights & UserPage) != 0;
        bool isWrite = (access & PageAccess.Write) != 0;
        bool isFetch = (access & PageAccess.Fetch) != 0;
        if (isFetch && !isExecutable)
        {
            return false;
        }

        if ((access & PageAccess.User) != 0)
        {
            return isUserPage && (!isWrite || (rights & Writable) != 0);
        }

        if (isUserPage && (isFetch ? (system.Cr4 & Smep) != 0 : (system.Cr4 & Smap) != 0 && (flags & AlignmentCheckFlag) == 0))
        {
            return false;
        }

        return !isWrite || (rights & Writable) != 0 || (system.Cr0 & WriteProtect) == 0;
    }

    /// <summary>[SDM] 3A 4.7: the fetch bit is there only where fetches can be forbidden.</summary>
    private static uint ErrorCode(PageAccess access, in CpuSystemRegisters system)
    {
        bool tellsFetches = (system.Cr4 & Smep) != 0 || ((system.Cr4 & CpuSystemRegisters.PhysicalAddressExtension) != 0 && (system.Efer & NxEnable) != 0);
        return (uint)(tellsFetches ? access : access & ~PageAccess.Fetch);
    }
}
