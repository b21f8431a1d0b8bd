namespace Makatea.Sel4;

/// <summary>Hands out empty slots of a capability table, several in a row, and takes them back.</summary>
internal unsafe struct SlotAllocator
{
    /// <summary>No slots: slot 0 is never one.</summary>
    internal const uint None = 0;

    private const int WordBits = 64;

    private readonly ulong* _used;
    private readonly uint _first;
    private readonly uint _end;
    private uint _next;

    /// <summary>Starts with all slots from <paramref name="first"/> on empty.</summary>
    /// <param name="used">Room for a bit for each slot below <paramref name="end"/>, zeroed.</param>
    /// <param name="first">The first slot, above 0.</param>
    /// <param name="end">The slot after the last.</param>
    internal SlotAllocator(ulong* used, uint first, uint end)
    {
        _used = used;
        _first = _next = first;
        _end = end;
        Available = end - first;
    }

    /// <summary>How many slots are empty.</summary>
    internal uint Available { get; private set; }

    /// <summary>Takes slots.</summary>
    /// <param name="count">How many in a row.</param>
    /// <returns>The first, or <see cref="None"/> where there are not so many in a row.</returns>
    internal uint Allocate(uint count)
    {
        if (count == 0 || count > Available)
        {
            return None;
        }

        uint found = Find(_next, _end, count);
        if (found == None)
        {
            found = Find(_first, _end, count);
        }

        if (found == None)
        {
            return None;
        }

        for (uint slot = found; slot < found + count; slot++)
        {
            _used[slot / WordBits] |= 1ul << (int)(slot % WordBits);
        }

        Available -= count;
        _next = found + count;
        return found;
    }

    /// <summary>Takes slots back, which are empty again.</summary>
    /// <returns>False where one of them was not handed out; then none is taken back.</returns>
    internal bool Free(uint first, uint count)
    {
        if (first < _first || count > _end - _first || first > _end - count)
        {
            return false;
        }

        for (uint slot = first; slot < first + count; slot++)
        {
            if (!IsUsed(slot))
            {
                return false;
            }
        }

        for (uint slot = first; slot < first + count; slot++)
        {
            _used[slot / WordBits] &= ~(1ul << (int)(slot % WordBits));
        }

        Available += count;
        return true;
    }

    private readonly bool IsUsed(uint slot) => (_used[slot / WordBits] & (1ul << (int)(slot % WordBits))) != 0;

    private readonly uint Find(uint from, uint end, uint count)
    {
        uint run = 0;
        for (uint slot = from; slot < end; slot++)
        {
            if (slot % WordBits == 0 && run == 0 && _used[slot / WordBits] == ~0ul)
            {
                slot += WordBits - 1;
                continue;
            }

            run = IsUsed(slot) ? 0 : run + 1;
            if (run == count)
            {
                return slot + 1 - count;
            }
        }

        return None;
    }
}
