namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// What the layer asks of the kernel, and nothing else does: tests on the host have another class of this name. Slots are those of the component's own capability table.
/// </summary>
internal static unsafe partial class LayerKernel
{
    /// <summary>Makes pages or tables of 4 KiB from untyped memory, their capabilities in a row.</summary>
    internal static bool Make(uint untyped, BoardValue type, uint slot, uint count) => CapabilitySpace.Retype(untyped, type, 0, slot, count).IsDone;

    /// <summary>Maps a page, or changes its rights where it is.</summary>
    /// <returns>The table that is missing, as the kernel's object type; <see cref="BoardValue.Count"/> where it is mapped, -1 where the kernel refused.</returns>
    internal static int Map(uint page, ulong address, CapabilityRights rights)
    {
        const ulong NoPageTable = 21;
        const ulong NoPageDirectory = 30;
        const ulong NoPdpt = 39;
        KernelCall.SetCapability(0, ComponentLayout.AddressSpaceSlot);
        KernelResult result = KernelCall.Invoke(page, BoardValue.X86PageMap, 1, 3, address, (ulong)rights, 0);
        return result.Error switch
        {
            KernelError.None => (int)BoardValue.Count,
            KernelError.FailedLookup when result.Detail == NoPageTable => (int)BoardValue.ObjectPageTable,
            KernelError.FailedLookup when result.Detail == NoPageDirectory => (int)BoardValue.ObjectPageDirectory,
            KernelError.FailedLookup when result.Detail == NoPdpt => (int)BoardValue.ObjectPdpt,
            _ => -1,
        };
    }

    /// <summary>Maps a table that <see cref="Map"/> missed.</summary>
    internal static bool MapTable(uint table, BoardValue type, ulong address)
    {
        BoardValue label = type == BoardValue.ObjectPageTable ? BoardValue.X86PageTableMap : type == BoardValue.ObjectPageDirectory ? BoardValue.X86PageDirectoryMap : BoardValue.X86PDPTMap;
        KernelCall.SetCapability(0, ComponentLayout.AddressSpaceSlot);
        return KernelCall.Invoke(table, label, 1, 2, address, 0).IsDone;
    }

    /// <summary>Takes a page from where it is mapped, for the processor or for a device.</summary>
    internal static bool Unmap(uint page) => KernelCall.Invoke(page, BoardValue.X86PageUnmap, 0, 0).IsDone;

    /// <summary>Lets a device reach a page.</summary>
    /// <returns>False where a table is missing, or the kernel refuses.</returns>
    internal static bool MapForDevice(uint page, uint space, ulong address, CapabilityRights rights, out bool misses)
    {
        KernelCall.SetCapability(0, space);
        KernelResult result = KernelCall.Invoke(page, BoardValue.X86PageMapIO, 1, 2, (ulong)rights, address);
        misses = result.Error == KernelError.FailedLookup;
        return result.IsDone;
    }

    /// <summary>Maps a table that <see cref="MapForDevice"/> missed: the uppermost of those.</summary>
    internal static bool MapDeviceTable(uint table, uint space, ulong address)
    {
        KernelCall.SetCapability(0, space);
        return KernelCall.Invoke(table, BoardValue.X86IOPageTableMap, 1, 1, address).IsDone;
    }

    /// <summary>Makes another capability of the same.</summary>
    /// <param name="source">The slot that it is in.</param>
    /// <param name="target">An empty slot.</param>
    /// <param name="badge">What its use tells; 0 for nothing.</param>
    internal static bool Copy(uint source, uint target, ulong badge) => CapabilitySpace.Mint(source, target, CapabilityRights.All, badge).IsDone;

    /// <summary>Empties a slot.</summary>
    internal static bool Delete(uint slot) => CapabilitySpace.Delete(slot).IsDone;
}
