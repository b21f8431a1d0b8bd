using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>An I/O submission queue and its completion queue, with the memory that they lie in.</summary>
internal sealed class QueuePair : IDisposable
{
    private readonly DmaMemory _memory;
    private readonly QueueDoorbell _tail;
    private readonly QueueDoorbell _head;
    private readonly ulong _completionOffset;

    internal QueuePair(DmaSpace space, ControllerPort port, int id, int entries, int vector)
    {
        Id = id;
        Entries = entries;
        Vector = vector;
        _completionOffset = ((ulong)entries * SubmissionEntry.Length + 4095) & ~4095ul;
        _memory = space.Allocate(_completionOffset + ((ulong)entries * CompletionEntry.Length));
        _tail = new QueueDoorbell(port.SubmissionDoorbell(id));
        _head = new QueueDoorbell(port.CompletionDoorbell(id));
        Submissions = new SubmissionRing(_memory.Slice(0, entries * SubmissionEntry.Length), _tail);
        Completions = new CompletionRing(_memory.Slice(_completionOffset, entries * CompletionEntry.Length), _head);
    }

    internal int Id { get; }

    internal int Entries { get; }

    /// <summary>The interrupt vector, or -1 where it is polled.</summary>
    internal int Vector { get; set; }

    internal SubmissionRing Submissions { get; }

    internal CompletionRing Completions { get; }

    internal ulong SubmissionIova => _memory.Iova;

    internal ulong CompletionIova => _memory.Iova + _completionOffset;

    /// <summary>Empties both queues, while the controller does not know them and no thread is inside.</summary>
    internal void Reset(ShadowDoorbells? shadows)
    {
        _memory.Slice(0, (int)_memory.Length).AsSpan().Clear();
        ShadowDoorbells? used = shadows is not null && Id < shadows.Queues ? shadows : null;
        _tail.Reset(used, 2 * Id);
        _head.Reset(used, (2 * Id) + 1);
        Submissions.Reset();
        Completions.Reset();
    }

    public void Dispose() => _memory.Dispose();
}
