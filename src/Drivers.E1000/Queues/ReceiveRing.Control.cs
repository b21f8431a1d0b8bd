using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>What the control path does with the ring: start, stop, see whether it moves, count.</summary>
internal sealed partial class ReceiveRing<TChip>
{
    private ulong _frames;
    private ulong _bytes;
    private ulong _errors;
    private ulong _copied;
    private uint _watchedHead;
    private uint _watchedTail;

    /// <summary>Grows with each buffer that is given back, and changes with a reset.</summary>
    public uint Position => _head;

    /// <summary>There are buffers to be given back.</summary>
    public bool HasWork => _head != _tail && IsDone(_head);

    /// <summary>
    /// The controller had room for any frame since the last time, and put none there. For the thread that watches, while the queue's own is at work.
    /// </summary>
    public bool IsIdle()
    {
        uint head = Volatile.Read(ref _head);
        uint tail = Volatile.Read(ref _tail);
        bool isIdle = head == _watchedHead && _watchedTail - head >= (uint)_maxParts && !IsDone(head);
        _watchedHead = head;
        _watchedTail = tail;
        return isIdle;
    }

    /// <summary>
    /// Tells a controller that was reset of the ring, with the buffers that it had, empty. A frame that was there in part is ended by the next one, which is lost with it.
    /// </summary>
    public void Start()
    {
        int count = (int)(_tail - _head);
        var slots = new ReceiveSlot[count];
        for (int i = 0; i < count; i++)
        {
            slots[i] = _slots[(int)(_head + (uint)i) & (_size - 1)];
        }

        _ring.Segment.AsSpan().Clear();
        for (int i = 0; i < count; i++)
        {
            _slots[i] = slots[i];
            Put(i, slots[i].CopyTo.Address == 0 ? slots[i].Iova : CopyIova(i));
        }

        _parts = Math.Max(_parts, 0);
        _isBroken = _parts != 0;
        _head = 0;
        _tail = (uint)count;
        RingRegisters.Set(_registers, _memory.Iova, (uint)_size * ReceiveDescriptor.Length);
    }

    /// <summary>Lets a receiver that was started have the buffers.</summary>
    public void Publish()
    {
        if (_tail != 0)
        {
            _registers.WriteUInt32(Register.RingTail, _tail & (uint)(_size - 1));
        }
    }

    /// <summary>Takes the ring from a controller that stopped.</summary>
    public void Stop() => RingRegisters.Clear(_registers);

    /// <summary>What was counted. The numbers are each right, but not of one moment.</summary>
    public NetStatistics ReadStatistics() => new()
    {
        ReceivedFrames = Volatile.Read(ref _frames),
        ReceivedBytes = Volatile.Read(ref _bytes),
        ReceiveErrors = Volatile.Read(ref _errors),
        CopiedFrames = Volatile.Read(ref _copied),
    };

    public void Dispose()
    {
        _memory.Dispose();
        _copyMemory.Dispose();
        _slots.Dispose();
    }

    private bool IsDone(uint position) => (TChip.Status(_ring.AcquireUInt64(Second((int)position & (_size - 1)))) & ReceiveDescriptor.Done) != 0;
}
