namespace Makatea.Sel4;

/// <summary>Invocations on untyped memory and on the root task's capability table, whose slots are addressed by number.</summary>
internal static class CapabilitySpace
{
    /// <summary>Slots that the kernel fills for its first program (seL4_RootCNodeCapSlots); components find the first three there, too.</summary>
    internal const ulong Tcb = 1;
    internal const ulong Table = 2;
    internal const ulong AddressSpace = 3;
    internal const ulong IrqControl = 4;
    internal const ulong AsidPool = 6;
    internal const ulong IOPortControl = 7;
    internal const ulong IOSpace = 8;

    /// <summary>Bits of a slot's number in the thread's own table, which has a guard of zeroes before its own.</summary>
    private const int Depth = 64;

    /// <summary>Makes objects from untyped memory.</summary>
    /// <param name="untyped">Slot of the untyped object.</param>
    /// <param name="type">The objects' type, an Object value of <see cref="BoardValue"/>.</param>
    /// <param name="bits">Their size where the type leaves it open.</param>
    /// <param name="slot">Slot of the first; the others follow.</param>
    /// <param name="count">How many.</param>
    internal static KernelResult Retype(uint untyped, BoardValue type, int bits, uint slot, uint count)
    {
        KernelCall.SetCapability(0, Table);
        KernelCall.SetWord(4, slot);
        KernelCall.SetWord(5, count);
        return KernelCall.Invoke(untyped, BoardValue.UntypedRetype, 1, 6, Board.Get(type), (ulong)bits);
    }

    /// <summary>Deletes all that was derived from the capability in a slot.</summary>
    internal static KernelResult Revoke(uint slot) => KernelCall.Invoke(Table, BoardValue.CNodeRevoke, 0, 2, slot, Depth);

    /// <summary>Empties a slot.</summary>
    internal static KernelResult Delete(uint slot) => DeleteFrom((uint)Table, Depth, slot);

    /// <summary>Makes a copy of a capability that tells its receiver who used it.</summary>
    internal static KernelResult Mint(uint source, uint target, CapabilityRights rights, ulong badge) => MintTo((uint)Table, Depth, target, source, rights, badge);

    /// <summary>Copies a capability into another table.</summary>
    /// <param name="table">The table, as it was made: without a guard.</param>
    /// <param name="bits">It has 2 to this many slots.</param>
    /// <param name="target">The slot there.</param>
    /// <param name="source">The slot here.</param>
    /// <param name="rights">What the copy lets its holder do.</param>
    internal static KernelResult CopyTo(uint table, int bits, uint target, uint source, CapabilityRights rights)
    {
        KernelCall.SetCapability(0, Table);
        KernelCall.SetWord(4, (ulong)rights);
        return KernelCall.Invoke(table, BoardValue.CNodeCopy, 1, 5, target, (ulong)bits, source, Depth);
    }

    /// <summary>Copies a capability into another table, with a badge or what else its kind keeps there.</summary>
    internal static KernelResult MintTo(uint table, int bits, uint target, uint source, CapabilityRights rights, ulong badge)
    {
        KernelCall.SetCapability(0, Table);
        KernelCall.SetWord(4, (ulong)rights);
        KernelCall.SetWord(5, badge);
        return KernelCall.Invoke(table, BoardValue.CNodeMint, 1, 6, target, (ulong)bits, source, Depth);
    }

    /// <summary>Empties a slot of another table.</summary>
    internal static KernelResult DeleteFrom(uint table, int bits, uint slot) => KernelCall.Invoke(table, BoardValue.CNodeDelete, 0, 2, slot, (ulong)bits);

    /// <summary>Makes a copy of a capability in this table.</summary>
    internal static KernelResult Copy(uint source, uint target, CapabilityRights rights) => CopyTo((uint)Table, Depth, target, source, rights);

    /// <summary>Makes a capability for an interrupt that a function raises by a message.</summary>
    /// <param name="slot">Where it goes.</param>
    /// <param name="function">Bus, device and function as 16 bits.</param>
    /// <param name="vector">The kernel's number of the interrupt.</param>
    internal static KernelResult IssueMessageInterrupt(uint slot, ulong function, ulong vector)
    {
        KernelCall.SetCapability(0, Table);
        KernelCall.SetWord(4, function & 7);
        KernelCall.SetWord(5, 0);
        KernelCall.SetWord(6, vector);
        return KernelCall.Invoke(IrqControl, BoardValue.X86IRQIssueIRQHandlerMSI, 1, 7, slot, Depth, function >> 8, (function >> 3) & 31);
    }

    /// <summary>Makes a capability for an interrupt of a pin of the first IOAPIC, active low and by level as those of PCI are from pin 16 on, else high and by edge.</summary>
    internal static KernelResult IssuePinInterrupt(uint slot, ulong pin, ulong vector)
    {
        const ulong FirstPciPin = 16;
        ulong isPci = pin >= FirstPciPin ? 1ul : 0;
        KernelCall.SetCapability(0, Table);
        KernelCall.SetWord(4, isPci);
        KernelCall.SetWord(5, isPci);
        KernelCall.SetWord(6, vector);
        return KernelCall.Invoke(IrqControl, BoardValue.X86IRQIssueIRQHandlerIOAPIC, 1, 7, slot, Depth, 0, pin);
    }

    /// <summary>Gives a function's space a table: the uppermost of those that an address lacks.</summary>
    internal static KernelResult MapIOTable(uint table, uint space, ulong address)
    {
        KernelCall.SetCapability(0, space);
        return KernelCall.Invoke(table, BoardValue.X86IOPageTableMap, 1, 1, address);
    }

    /// <summary>Makes a capability for ports.</summary>
    internal static KernelResult IssuePorts(ushort first, ushort last, uint slot)
    {
        KernelCall.SetCapability(0, Table);
        return KernelCall.Invoke(IOPortControl, BoardValue.X86IOPortControlIssue, 1, 4, first, last, slot, Depth);
    }
}
