namespace Makatea.Sel4;

/// <summary>All memory and slots that were spent on one component, so that they come back together.</summary>
internal unsafe struct Holdings
{
    /// <summary>Objects are cut from blocks of this size where they are smaller: 16 pages.</summary>
    private const int ChunkBits = 16;
    private const int PageBits = 12;
    private const int ScheduleContextBits = 8;
    private const uint MostAtOnce = 128;

    private readonly Resources* _resources;
    private readonly uint _firstSlot;
    private readonly uint _slots;
    private uint _usedSlots;
    private int _newest;
    private int _chunk;
    private ulong _chunkLeft;

    private Holdings(Resources* resources, uint firstSlot, uint slots)
    {
        _resources = resources;
        _firstSlot = firstSlot;
        _slots = slots;
        _newest = _chunk = UntypedBlock.None;
    }

    /// <summary>Starts with empty slots and no memory.</summary>
    internal static bool TryStart(Resources* resources, uint slots, out Holdings holdings)
    {
        uint first = resources->Slots.Allocate(slots);
        holdings = new Holdings(resources, first, slots);
        return first != SlotAllocator.None;
    }

    /// <summary>Takes an empty slot.</summary>
    /// <returns>The slot, or <see cref="SlotAllocator.None"/>.</returns>
    internal uint TakeSlot() => _usedSlots == _slots ? SlotAllocator.None : _firstSlot + _usedSlots++;

    /// <summary>Takes empty slots in a row.</summary>
    /// <returns>The first, or <see cref="SlotAllocator.None"/>.</returns>
    internal uint TakeSlots(uint count)
    {
        if (count > _slots - _usedSlots)
        {
            return SlotAllocator.None;
        }

        uint first = _firstSlot + _usedSlots;
        _usedSlots += count;
        return first;
    }

    /// <summary>Takes a block of memory as it is.</summary>
    /// <param name="bits">2 to this many bytes.</param>
    /// <returns>Slot of its untyped object, or <see cref="SlotAllocator.None"/>.</returns>
    internal uint TakeUntyped(int bits) => TryTakeBlock(bits, out int block) ? _resources->Untyped.SlotOf(block) : SlotAllocator.None;

    /// <summary>Makes pages of a device's registers or memory.</summary>
    /// <param name="address">Physical address, a multiple of the length.</param>
    /// <param name="bits">2 to this many bytes, a page at least.</param>
    /// <returns>Slot of the first page, or <see cref="SlotAllocator.None"/> where somebody has it, or the kernel gave none of it.</returns>
    internal uint MakeDevice(ulong address, int bits)
    {
        uint count = 1u << (bits - PageBits);
        uint first = TakeSlots(count);
        if (first == SlotAllocator.None)
        {
            return SlotAllocator.None;
        }

        int block = _resources->Untyped.AllocateDevice(address, bits);
        if (block == UntypedBlock.None)
        {
            return SlotAllocator.None;
        }

        _resources->Untyped.LinkOf(block) = _newest;
        _newest = block;

        // The kernel makes no more than this many objects at once.
        for (uint done = 0; done < count; done += MostAtOnce)
        {
            uint now = count - done < MostAtOnce ? count - done : MostAtOnce;
            if (!CapabilitySpace.Retype(_resources->Untyped.SlotOf(block), BoardValue.ObjectPage, 0, first + done, now).IsDone)
            {
                return SlotAllocator.None;
            }
        }

        return first;
    }

    /// <summary>Makes an object of a type that has one size, or a scheduling context.</summary>
    /// <returns>Its slot, or <see cref="SlotAllocator.None"/> where there is no memory or no slot left.</returns>
    internal uint Make(BoardValue type)
    {
        switch (type)
        {
            case BoardValue.ObjectTcb:
                return Make(type, (int)Board.Get(BoardValue.TcbBits));
            case BoardValue.ObjectEndpoint:
                return Make(type, (int)Board.Get(BoardValue.EndpointBits));
            case BoardValue.ObjectNotification:
                return Make(type, (int)Board.Get(BoardValue.NotificationBits));
            case BoardValue.ObjectReply:
                return Make(type, (int)Board.Get(BoardValue.ReplyBits));
            case BoardValue.ObjectSchedContext:
                return Make(type, ScheduleContextBits, ScheduleContextBits);
            default:
                return Make(type, PageBits);
        }
    }

    /// <summary>Makes an object.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="bits">2 to this many bytes.</param>
    /// <param name="parameter">The size that the kernel is told, where the type leaves it open.</param>
    /// <returns>Its slot, or <see cref="SlotAllocator.None"/> where there is no memory or no slot left.</returns>
    internal uint Make(BoardValue type, int bits, int parameter = 0)
    {
        uint slot = TakeSlot();
        if (slot == SlotAllocator.None || !TryTakeMemory(bits, out int block))
        {
            return SlotAllocator.None;
        }

        return CapabilitySpace.Retype(_resources->Untyped.SlotOf(block), type, parameter, slot, 1).IsDone ? slot : SlotAllocator.None;
    }

    /// <summary>Gives everything back; whatever was made of it is gone.</summary>
    /// <returns>False where the kernel kept something.</returns>
    internal bool Release()
    {
        bool released = true;
        while (_newest != UntypedBlock.None)
        {
            int next = _resources->Untyped.LinkOf(_newest);
            released &= _resources->Untyped.Free(_newest);
            _newest = next;
        }

        // Copies of capabilities to other memory than ours are still there.
        for (uint slot = _firstSlot; slot < _firstSlot + _usedSlots; slot++)
        {
            released &= CapabilitySpace.Delete(slot).IsDone;
        }

        _chunk = UntypedBlock.None;
        _chunkLeft = 0;
        _usedSlots = 0;
        return released & _resources->Slots.Free(_firstSlot, _slots);
    }

    private bool TryTakeMemory(int bits, out int block)
    {
        ulong size = 1ul << bits;
        if (bits > ChunkBits)
        {
            return TryTakeBlock(bits, out block);
        }

        // The kernel puts objects one after the other, each at a multiple of its size.
        ulong left = _chunkLeft & ~(size - 1);
        if (left < size)
        {
            if (!TryTakeBlock(ChunkBits, out _chunk))
            {
                block = UntypedBlock.None;
                return false;
            }

            left = 1ul << ChunkBits;
        }

        _chunkLeft = left - size;
        block = _chunk;
        return true;
    }

    private bool TryTakeBlock(int bits, out int block)
    {
        block = _resources->Untyped.Allocate(bits);
        if (block == UntypedBlock.None)
        {
            return false;
        }

        _resources->Untyped.LinkOf(block) = _newest;
        _newest = block;
        return true;
    }
}
