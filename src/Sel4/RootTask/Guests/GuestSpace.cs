namespace Makatea.Sel4;

/// <summary>What a guest's physical addresses are: pages at addresses, with the processor's second set of tables (EPT) that they need. A kernel without VT-x makes none.</summary>
internal struct GuestSpace
{
    // Bits of an address below what a table maps: what the kernel says is missing (SEL4_MAPPING_LOOKUP_NO_EPT*).
    private const ulong NoPageTable = 21;
    private const ulong NoPageDirectory = 30;
    private const int Levels = 4;

    /// <summary>Memory that is cached as the guest says (seL4_X86_EPT_WriteBack).</summary>
    private const ulong WriteBack = 6;

    private GuestSpace(uint root) => Root = root;

    /// <summary>Slot of its uppermost table.</summary>
    internal uint Root { get; }

    /// <summary>Makes one without a page.</summary>
    internal static bool TryMake(ref Holdings holdings, out GuestSpace space)
    {
        space = default;
        uint root = Board.Get(BoardValue.SysVMEnter) == 0 ? SlotAllocator.None : holdings.Make(BoardValue.ObjectEptPml4);
        if (root == SlotAllocator.None)
        {
            return false;
        }

        space = new GuestSpace(root);
        KernelCall.SetCapability(0, root);
        return KernelCall.Invoke(CapabilitySpace.AsidPool, BoardValue.X86ASIDPoolAssign, 1, 0).IsDone;
    }

    /// <summary>Gives the guest a page.</summary>
    /// <param name="page">Slot of its capability, which maps one page at a time.</param>
    /// <param name="address">The guest's physical address.</param>
    /// <param name="rights">What the guest may do there; everything that is read may be run.</param>
    /// <param name="holdings">Pays for tables.</param>
    internal readonly bool TryMap(uint page, ulong address, CapabilityRights rights, ref Holdings holdings)
    {
        for (int level = 0; level < Levels; level++)
        {
            KernelCall.SetCapability(0, Root);
            KernelResult result = KernelCall.Invoke(page, BoardValue.X86PageMapEPT, 1, 3, address, (ulong)rights, WriteBack);
            if (result.IsDone)
            {
                return true;
            }

            if (result.Error != KernelError.FailedLookup || !TryAddTable(result.Detail, address, ref holdings))
            {
                return false;
            }
        }

        return false;
    }

    private readonly bool TryAddTable(ulong missing, ulong address, ref Holdings holdings)
    {
        BoardValue type = missing == NoPageTable ? BoardValue.ObjectEptPt : missing == NoPageDirectory ? BoardValue.ObjectEptPd : BoardValue.ObjectEptPdpt;
        BoardValue map = missing == NoPageTable ? BoardValue.X86EPTPTMap : missing == NoPageDirectory ? BoardValue.X86EPTPDMap : BoardValue.X86EPTPDPTMap;
        uint slot = holdings.Make(type);
        if (slot == SlotAllocator.None)
        {
            return false;
        }

        KernelCall.SetCapability(0, Root);
        return KernelCall.Invoke(slot, map, 1, 2, address, WriteBack).IsDone;
    }
}
