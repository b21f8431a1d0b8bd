namespace Makatea.Sel4.LinuxAbi;

/// <content>A page at a time.</content>
internal static unsafe partial class DeviceMappings
{
    /// <summary>Levels of tables, at most.</summary>
    private const int Levels = 6;

    private static long MapPage(ulong function, uint space, ulong address, ulong target, CapabilityRights rights)
    {
        uint page = PageAt(address);
        if (page == 0)
        {
            return Errno.Fault;
        }

        if (s_mappings.Find(Key(function, target)) != PageTable.None)
        {
            return Errno.Busy;
        }

        int mapping = s_mappings.Take(Key(function, target));
        if (mapping == PageTable.None)
        {
            return Errno.NoMemory;
        }

        uint slot = s_firstSlot + (uint)mapping;
        if (LayerKernel.Copy(page, slot, 0))
        {
            if (TryMapPage(slot, space, target, rights))
            {
                s_memory[mapping] = address;
                return 0;
            }

            LayerKernel.Delete(slot);
        }

        s_mappings.Give(mapping);
        return Errno.NoMemory;
    }

    private static bool TryMapPage(uint slot, uint space, ulong target, CapabilityRights rights)
    {
        for (int level = 0; level <= Levels; level++)
        {
            if (LayerKernel.MapForDevice(slot, space, target, rights, out bool misses))
            {
                return true;
            }

            uint table = misses ? PageStore.MakeKept(BoardValue.ObjectIOPageTable) : 0;
            if (table == 0 || !LayerKernel.MapDeviceTable(table, space, target))
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>The capability of a page that devices may reach: of the component's own, or of a region.</summary>
    private static uint PageAt(ulong address)
    {
        Region* region = AddressSpace.Find(address);
        if (region != null && region->Kind == RegionKind.Dma)
        {
            return PageStore.SlotAt(address);
        }

        GrantInfo* grant = Grants.FindMapped(address);
        return grant != null && grant->Kind == GrantKind.Region && grant->Slot != 0 ? (uint)(grant->Slot + ((address - grant->Address) / PageSize)) : 0;
    }

    private static uint SpaceOf(ulong function)
    {
        GrantInfo* grant = Grants.Find(GrantKind.Function, function);
        return grant == null ? 0 : (uint)grant->Slot;
    }
}
