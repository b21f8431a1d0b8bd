using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>
/// A completion queue: an entry is new where its phase tag is that of the current round ([NVMe-2.1] 4.2.4). The controller can write anything at any time; an entry's
/// second half is read once, its identifiers are the caller's to check.
/// </summary>
internal sealed class CompletionRing(MemorySegment memory, QueueDoorbell doorbell)
{
    private readonly SharedMemory _memory = new(memory);
    private readonly int _entries = memory.Length / CompletionEntry.Length;
    private uint _phase = CompletionEntry.Phase;
    private int _head;
    private int _released;

    /// <summary>Whether an entry waits.</summary>
    internal bool HasNext => (_memory.AcquireUInt32((nuint)((_head * CompletionEntry.Length) + CompletionEntry.Dword3Offset)) & CompletionEntry.Phase) == _phase;

    /// <summary>Starts again at entry 0, as the controller does with a queue that is created. The memory was zeroed.</summary>
    internal void Reset()
    {
        _head = _released = 0;
        _phase = CompletionEntry.Phase;
    }

    /// <summary>Takes the next entry, if there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryTake(out CompletionEntry entry)
    {
        nuint offset = (nuint)(_head * CompletionEntry.Length);

        // Dword 3 first: the rest of the entry is there when its phase tag is.
        uint dword3 = _memory.AcquireUInt32(offset + CompletionEntry.Dword3Offset);
        if ((dword3 & CompletionEntry.Phase) != _phase)
        {
            entry = default;
            return false;
        }

        entry = new CompletionEntry(_memory.AcquireUInt32(offset + CompletionEntry.Dword2Offset), dword3);
        int next = _head + 1;
        if (next == _entries)
        {
            next = 0;
            _phase ^= CompletionEntry.Phase;
        }

        _head = next;
        return true;
    }

    /// <summary>The command's result (dword 0) in the entry that was taken last.</summary>
    internal uint LastResult()
    {
        int last = (_head == 0 ? _entries : _head) - 1;
        return _memory.AcquireUInt32((nuint)((last * CompletionEntry.Length) + CompletionEntry.ResultOffset));
    }

    /// <summary>Gives the entries that were taken since back to the controller.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Release()
    {
        if (_head != _released)
        {
            _released = _head;
            doorbell.Ring((uint)_head);
        }
    }
}
