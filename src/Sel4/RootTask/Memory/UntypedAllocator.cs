namespace Makatea.Sel4;

/// <summary>
/// Hands out untyped memory in powers of two and takes it back: a buddy allocator whose blocks are untyped objects of the kernel. Taking a block back revokes it, so that
/// whatever was made from it is gone, whoever has it. Halves are joined only when a larger block is wanted, as the kernel clears what it joins.
/// </summary>
/// <remarks>Tables are the caller's memory; nothing is allocated elsewhere. One thread.</remarks>
internal unsafe struct UntypedAllocator<TKernel>
    where TKernel : struct, IUntypedKernel
{
    /// <summary>The smallest and the largest untyped objects of the kernel.</summary>
    internal const int MinBits = 4;
    internal const int MaxBits = 47;

    private const int None = UntypedBlock.None;

    private readonly UntypedBlock* _blocks;
    private readonly int* _heads;
    private readonly int _capacity;
    private readonly uint _firstSlot;
    private readonly TKernel _kernel;
    private int _roots;
    private int _pairs;
    private int _freePair;

    /// <summary>Starts without memory.</summary>
    /// <param name="blocks">Room for blocks, zeroed.</param>
    /// <param name="capacity">How many, even.</param>
    /// <param name="heads">Room for <see cref="MaxBits"/> + 1 numbers.</param>
    /// <param name="firstSlot">The first of as many empty slots as there are blocks.</param>
    /// <param name="kernel">The kernel.</param>
    internal UntypedAllocator(UntypedBlock* blocks, int capacity, int* heads, uint firstSlot, TKernel kernel)
    {
        _blocks = blocks;
        _heads = heads;
        _capacity = capacity;
        _firstSlot = firstSlot;
        _kernel = kernel;
        _roots = 0;
        _pairs = capacity;
        _freePair = None;
        FreeBytes = 0;
        for (int i = 0; i <= MaxBits; i++)
        {
            heads[i] = None;
        }
    }

    /// <summary>Bytes of ordinary memory that are free, in blocks of any size.</summary>
    internal ulong FreeBytes { get; private set; }

    /// <summary>Adds memory that the kernel gave at the start.</summary>
    /// <returns>False where there is no room for it.</returns>
    internal bool Add(uint slot, ulong address, int bits, bool isDevice)
    {
        if (_roots == _pairs || bits < MinBits || bits > MaxBits)
        {
            return false;
        }

        int index = _roots++;
        _blocks[index] = new UntypedBlock { Address = address, Slot = slot, Parent = None, Half = None, Bits = (byte)bits, IsDevice = isDevice };
        Release(index);
        return true;
    }

    /// <summary>Takes a block of ordinary memory.</summary>
    /// <param name="bits">2 to this many bytes.</param>
    /// <returns>The block, or <see cref="UntypedBlock.None"/> where there is none.</returns>
    internal int Allocate(int bits)
    {
        if (bits < MinBits || bits > MaxBits)
        {
            return None;
        }

        int found = FindFree(bits);
        if (found == None && Join())
        {
            found = FindFree(bits);
        }

        while (found != None && _blocks[found].Bits > bits)
        {
            found = Split(found) ? _blocks[found].Half : None;
        }

        return found == None ? None : Take(found);
    }

    /// <summary>Takes the block at an address of a device.</summary>
    /// <returns>The block, or <see cref="UntypedBlock.None"/> where somebody has a part of it, or the kernel gave none of it.</returns>
    internal int AllocateDevice(ulong address, int bits)
    {
        if (bits < MinBits || bits > MaxBits || (address & ((1ul << bits) - 1)) != 0)
        {
            return None;
        }

        int at = FindRoot(address);
        while (at != None && _blocks[at].Bits > bits)
        {
            if (_blocks[at].State == UntypedState.Used || (_blocks[at].State == UntypedState.Free && !Split(at)))
            {
                return None;
            }

            int half = _blocks[at].Half;
            at = address >= _blocks[half + 1].Address ? half + 1 : half;
        }

        return at != None && _blocks[at].Bits == bits && _blocks[at].State == UntypedState.Free ? Take(at) : None;
    }

    /// <summary>The slot of a block's capability.</summary>
    internal readonly uint SlotOf(int block) => _blocks[block].Slot;

    /// <summary>The physical address of a block.</summary>
    internal readonly ulong AddressOf(int block) => _blocks[block].Address;

    /// <summary>A number that whoever has a block in use keeps with it, such as the next of their blocks.</summary>
    internal readonly ref int LinkOf(int block) => ref _blocks[block].Next;

    /// <summary>Takes a block back, and with it everything that was made from it.</summary>
    /// <returns>False where it is not in use, or the kernel refuses; then it stays in use.</returns>
    internal bool Free(int block)
    {
        if ((uint)block >= (uint)_capacity || _blocks[block].State != UntypedState.Used || !_kernel.Revoke(_blocks[block].Slot))
        {
            return false;
        }

        Release(block);
        return true;
    }

    /// <summary>Joins all halves that are free.</summary>
    /// <returns>True where there were any.</returns>
    internal bool Join()
    {
        bool any = false;
        for (bool again = true; again;)
        {
            again = false;
            for (int half = _pairs; half < _capacity; half += 2)
            {
                if (_blocks[half].State == UntypedState.Free && _blocks[half + 1].State == UntypedState.Free && _kernel.Revoke(_blocks[_blocks[half].Parent].Slot))
                {
                    int parent = _blocks[half].Parent;
                    Unlink(half);
                    Unlink(half + 1);
                    ReturnPair(half);
                    _blocks[parent].Half = None;
                    Release(parent);
                    again = any = true;
                }
            }
        }

        return any;
    }

    private readonly int FindFree(int bits)
    {
        for (int size = bits; size <= MaxBits; size++)
        {
            for (int block = _heads[size]; block != None; block = _blocks[block].Next)
            {
                if (!_blocks[block].IsDevice)
                {
                    return block;
                }
            }
        }

        return None;
    }

    private readonly int FindRoot(ulong address)
    {
        for (int block = 0; block < _roots; block++)
        {
            if (_blocks[block].IsDevice && address - _blocks[block].Address < 1ul << _blocks[block].Bits)
            {
                return block;
            }
        }

        return None;
    }

    private bool Split(int block)
    {
        int half = TakePair();
        if (half == None)
        {
            return false;
        }

        int bits = _blocks[block].Bits - 1;
        if (!_kernel.Split(_blocks[block].Slot, bits, _firstSlot + (uint)half))
        {
            ReturnPair(half);
            return false;
        }

        Unlink(block);
        _blocks[block].State = UntypedState.Split;
        _blocks[block].Half = half;
        for (int i = 0; i < 2; i++)
        {
            _blocks[half + i] = new UntypedBlock
            {
                Address = _blocks[block].Address + ((ulong)i << bits),
                Slot = _firstSlot + (uint)(half + i),
                Parent = block,
                Half = None,
                Bits = (byte)bits,
                IsDevice = _blocks[block].IsDevice,
            };
        }

        // The first half is at the head of its list.
        Release(half + 1);
        Release(half);
        return true;
    }

    private int Take(int block)
    {
        Unlink(block);
        _blocks[block].State = UntypedState.Used;
        return block;
    }

    private void Release(int block)
    {
        int bits = _blocks[block].Bits;
        int head = _heads[bits];
        _blocks[block].State = UntypedState.Free;
        _blocks[block].Previous = None;
        _blocks[block].Next = head;
        if (head != None)
        {
            _blocks[head].Previous = block;
        }

        _heads[bits] = block;
        FreeBytes += _blocks[block].IsDevice ? 0 : 1ul << bits;
    }

    private void Unlink(int block)
    {
        int next = _blocks[block].Next;
        int previous = _blocks[block].Previous;
        if (previous == None)
        {
            _heads[_blocks[block].Bits] = next;
        }
        else
        {
            _blocks[previous].Next = next;
        }

        if (next != None)
        {
            _blocks[next].Previous = previous;
        }

        FreeBytes -= _blocks[block].IsDevice ? 0 : 1ul << _blocks[block].Bits;
    }

    /// <summary>Pairs come from the end of the table, blocks of the start from its beginning.</summary>
    private int TakePair()
    {
        if (_freePair != None)
        {
            int pair = _freePair;
            _freePair = _blocks[pair].Next;
            return pair;
        }

        if (_pairs - 2 < _roots)
        {
            return None;
        }

        _pairs -= 2;
        return _pairs;
    }

    private void ReturnPair(int pair)
    {
        _blocks[pair].State = _blocks[pair + 1].State = UntypedState.Absent;
        _blocks[pair].Next = _freePair;
        _freePair = pair;
    }
}
