namespace Makatea.Sel4;

/// <summary>The kernel's objects for a guest with one virtual processor.</summary>
internal struct GuestParts
{
    /// <summary>Slots of the root task for them, without pages and tables: processor, space, notification, buffer and its copy.</summary>
    internal const uint Slots = 5;

    /// <summary>The virtual processor, which one thread enters at a time.</summary>
    internal uint Cpu;

    /// <summary>What is bound to that thread: a signal brings it back from the guest.</summary>
    internal uint Events;

    /// <summary>A page for the thread's IPC buffer, by which the kernel tells the guest's registers.</summary>
    internal uint Buffer;

    /// <summary>The guest's physical addresses.</summary>
    internal GuestSpace Space;

    /// <summary>Makes them.</summary>
    /// <param name="holdings">Pays for them.</param>
    /// <param name="parts">The objects.</param>
    /// <returns>False where the kernel has no guests, or there is no memory.</returns>
    internal static bool TryMake(ref Holdings holdings, out GuestParts parts)
    {
        parts = default;
        if (!GuestSpace.TryMake(ref holdings, out parts.Space))
        {
            return false;
        }

        parts.Cpu = holdings.Make(BoardValue.ObjectVcpu, (int)Board.Get(BoardValue.VcpuBits));
        parts.Events = holdings.Make(BoardValue.ObjectNotification);
        parts.Buffer = holdings.Make(BoardValue.ObjectPage);
        return parts.Cpu != SlotAllocator.None && parts.Events != SlotAllocator.None && parts.Buffer != SlotAllocator.None;
    }
}
