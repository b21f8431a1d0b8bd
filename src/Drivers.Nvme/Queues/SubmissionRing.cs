using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>
/// A submission queue: entries go to the tail, and the doorbell tells of them once a batch. Who pushes sees to it that fewer commands than entries are outstanding; so a
/// free entry is always there, and what the controller says of its head is not needed.
/// </summary>
internal sealed class SubmissionRing(MemorySegment memory, QueueDoorbell doorbell)
{
    private readonly int _entries = memory.Length / SubmissionEntry.Length;
    private int _tail;
    private int _published;

    internal int Entries => _entries;

    /// <summary>How often the doorbell register was written.</summary>
    internal long RegisterWrites { get; private set; }

    /// <summary>Starts again at entry 0, as the controller does with a queue that is created.</summary>
    internal void Reset() => _tail = _published = 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Push(in SubmissionEntry entry)
    {
        MemoryMarshal.Cast<byte, SubmissionEntry>(memory.AsSpan())[_tail] = entry;
        int next = _tail + 1;
        _tail = next == _entries ? 0 : next;
    }

    /// <summary>Tells the controller of what was pushed since.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Publish()
    {
        if (_tail != _published)
        {
            _published = _tail;
            RegisterWrites += doorbell.Ring((uint)_tail) ? 1 : 0;
        }
    }
}
