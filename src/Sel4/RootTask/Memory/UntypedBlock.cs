namespace Makatea.Sel4;

/// <summary>An untyped object that <see cref="UntypedAllocator{TKernel}"/> knows.</summary>
internal struct UntypedBlock
{
    /// <summary>Physical address.</summary>
    internal ulong Address;

    /// <summary>Slot of its capability.</summary>
    internal uint Slot;

    /// <summary>The block that it is half of, or <see cref="None"/>.</summary>
    internal int Parent;

    /// <summary>Its first half where it is split; its second is the next block.</summary>
    internal int Half;

    /// <summary>Neighbours in the list of free blocks of its size.</summary>
    internal int Next;
    internal int Previous;

    /// <summary>2 to this many bytes.</summary>
    internal byte Bits;

    internal UntypedState State;

    /// <summary>Registers or memory of a device: not for objects but frames.</summary>
    internal bool IsDevice;

    /// <summary>No block.</summary>
    internal const int None = -1;
}

/// <summary>What a block is in use for.</summary>
internal enum UntypedState : byte
{
    /// <summary>The place of a block is empty.</summary>
    Absent,
    Free,
    Split,
    Used,
}
