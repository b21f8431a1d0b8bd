using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NvmeModel;

/// <summary>A submission queue with its completion queue, as the controller sees them.</summary>
internal sealed class ModelQueue(MemorySegment submissions, MemorySegment completions, int vector)
{
    private const int SubmissionLength = 64;
    private const int CompletionLength = 16;
    private readonly int _submissionEntries = submissions.Length / SubmissionLength;
    private readonly int _completionEntries = completions.Length / CompletionLength;
    private readonly SharedMemory _completions = new(completions);
    private int _tail;
    private uint _phase = 1;

    internal int Head { get; private set; }

    internal int Vector => vector;

    internal int Tail { get; set; }

    internal (ulong Tail, ulong Head, ulong TailEvent)? Shadow { get; set; }

    internal bool TryTake(out ReadOnlySpan<byte> entry)
    {
        if (Head == Tail || Tail >= _submissionEntries)
        {
            entry = default;
            return false;
        }

        entry = submissions.AsSpan().Slice(Head * SubmissionLength, SubmissionLength);
        Head = Head + 1 == _submissionEntries ? 0 : Head + 1;
        return true;
    }

    internal void Complete(int queue, ushort id, uint status, uint result = 0, int head = -1)
    {
        Span<byte> entry = completions.AsSpan().Slice(_tail * CompletionLength, CompletionLength);
        BinaryPrimitives.WriteUInt32LittleEndian(entry, result);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], (uint)(head < 0 ? Head : head) | ((uint)queue << 16));
        _completions.ReleaseUInt32((nuint)((_tail * CompletionLength) + 12), id | (_phase << 16) | (status << 17));
        if (++_tail == _completionEntries)
        {
            _tail = 0;
            _phase ^= 1;
        }
    }

    internal void FlipPhases()
    {
        for (int i = 0; i < _completionEntries; i++)
        {
            completions.AsSpan()[(i * CompletionLength) + 14] ^= 1;
        }
    }
}
