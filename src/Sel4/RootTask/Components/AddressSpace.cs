namespace Makatea.Sel4;

/// <summary>An address space: pages at addresses, with the tables that they need.</summary>
internal struct AddressSpace
{
    // Bits of an address below what a table maps: what the kernel says is missing (seL4_MappingFailedLookupLevel).
    private const ulong NoPageTable = 21;
    private const ulong NoPageDirectory = 30;
    private const int Levels = 4;

    private readonly uint _root;

    /// <summary>Uses an address space.</summary>
    /// <param name="root">Slot of its PML4, which has an ASID.</param>
    internal AddressSpace(uint root) => _root = root;

    /// <summary>Maps a page.</summary>
    /// <param name="page">Slot of its capability, which maps one page at a time.</param>
    /// <param name="address">Where.</param>
    /// <param name="rights">What may be done there; everything that is read may be run.</param>
    /// <param name="holdings">Pays for tables.</param>
    internal readonly bool TryMap(uint page, ulong address, CapabilityRights rights, ref Holdings holdings)
    {
        for (int level = 0; level < Levels; level++)
        {
            KernelCall.SetCapability(0, _root);
            KernelResult result = KernelCall.Invoke(page, BoardValue.X86PageMap, 1, 3, address, (ulong)rights, 0);
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

    /// <summary>Unmaps a page from wherever it is.</summary>
    internal static bool Unmap(uint page) => KernelCall.Invoke(page, BoardValue.X86PageUnmap, 0, 0).IsDone;

    private readonly bool TryAddTable(ulong missing, ulong address, ref Holdings holdings)
    {
        BoardValue type = missing == NoPageTable ? BoardValue.ObjectPageTable : missing == NoPageDirectory ? BoardValue.ObjectPageDirectory : BoardValue.ObjectPdpt;
        BoardValue map = missing == NoPageTable ? BoardValue.X86PageTableMap : missing == NoPageDirectory ? BoardValue.X86PageDirectoryMap : BoardValue.X86PDPTMap;
        uint slot = holdings.Make(type);
        if (slot == SlotAllocator.None)
        {
            return false;
        }

        KernelCall.SetCapability(0, _root);
        return KernelCall.Invoke(slot, map, 1, 2, address, 0).IsDone;
    }
}
