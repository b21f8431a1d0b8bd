namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// What devices of the component's functions reach. The kernel maps a capability of a page once, so each mapping for a device has a copy of its own; the tables are made of the component's memory
/// and stay.
/// </summary>
internal static unsafe partial class DeviceMappings
{
    private const ulong PageSize = RegionTable.PageSize;
    private const int FunctionShift = 48;

    // Key: device address, and the function's number above.
    private static PageTable s_mappings;
    private static ulong* s_memory;
    private static uint s_firstSlot;

    /// <summary>Takes all slots that are left.</summary>
    internal static bool Start(ComponentInfo* info)
    {
        s_firstSlot = PageStore.EndSlot;
        s_mappings = default;
        int count = HasFunction() ? (int)(info->EndEmpty - s_firstSlot) : 0;
        if (count == 0)
        {
            return true;
        }

        int bits = 0;
        while (1 << bits < count)
        {
            bits++;
        }

        var entries = (PageEntry*)PageStore.Reserve((ulong)count * (ulong)sizeof(PageEntry));
        int* heads = (int*)PageStore.Reserve(sizeof(int) * (1ul << bits));
        s_memory = (ulong*)PageStore.Reserve((ulong)count * sizeof(ulong));
        if (entries == null || heads == null || s_memory == null)
        {
            return false;
        }

        s_mappings = new PageTable(entries, count, heads, bits);
        s_mappings.Grow(count);
        return true;
    }

    /// <summary>LayerRequest.AllocateDma(bytes): memory that is all there.</summary>
    internal static long Allocate(ulong length)
    {
        long address = AddressSpace.Map(0, length, PageRights.Read | PageRights.Write, RegionKind.Dma, replaces: false);
        if (address > 0 && !UserMemory.CanWrite((ulong)address, length))
        {
            AddressSpace.Unmap((ulong)address, length);
            return Errno.NoMemory;
        }

        return address;
    }

    /// <summary>LayerRequest.MapDma(function, address, bytes, device address, access).</summary>
    internal static long Map(LinuxThread* thread)
    {
        ref Registers call = ref thread->Registers;
        ulong function = call.Rdi, address = call.Rsi, length = call.Rdx, target = call.R10;
        uint space = SpaceOf(function);
        if (space == 0)
        {
            return Errno.NoDevice;
        }

        if (((address | length | target) & (PageSize - 1)) != 0 || length == 0 || call.R8 is 0 or > 3 || target >> FunctionShift != 0 || length > 1ul << FunctionShift)
        {
            return Errno.Invalid;
        }

        var rights = (CapabilityRights)(((call.R8 & 1) != 0 ? (ulong)CapabilityRights.Read : 0) | ((call.R8 & 2) != 0 ? (ulong)CapabilityRights.Write : 0));
        for (ulong done = 0; done < length; done += PageSize)
        {
            long result = MapPage(function, space, address + done, target + done, rights);
            if (result != 0)
            {
                Unmap(function, target, done);
                return result;
            }
        }

        return 0;
    }

    /// <summary>LayerRequest.UnmapDma(function, device address, bytes).</summary>
    internal static long Unmap(ulong function, ulong target, ulong length)
    {
        if (((target | length) & (PageSize - 1)) != 0 || target >> FunctionShift != 0 || length > 1ul << FunctionShift || function >> (64 - FunctionShift) != 0)
        {
            return Errno.Invalid;
        }

        for (ulong done = 0; done < length; done += PageSize)
        {
            int mapping = s_mappings.Capacity == 0 ? PageTable.None : s_mappings.Find(Key(function, target + done));
            if (mapping != PageTable.None)
            {
                LayerKernel.Unmap(s_firstSlot + (uint)mapping);
                LayerKernel.Delete(s_firstSlot + (uint)mapping);
                s_memory[mapping] = 0;
                s_mappings.Give(mapping);
            }
        }

        return 0;
    }

    /// <summary>A device reaches something of a range.</summary>
    internal static bool Reach(ulong start, ulong end)
    {
        for (int i = 0; i < s_mappings.Made; i++)
        {
            if (s_memory[i] >= start && s_memory[i] < end)
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasFunction()
    {
        for (uint i = 0; i < Grants.Count; i++)
        {
            if (Grants.Get(i)->Kind == GrantKind.Function)
            {
                return true;
            }
        }

        return false;
    }

    private static ulong Key(ulong function, ulong target) => target | (function << FunctionShift);
}
