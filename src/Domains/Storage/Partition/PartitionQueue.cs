using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Queue of a <see cref="PartitionDevice"/>: adds the partition's start, and lets nothing of the disk's other sectors be named.</summary>
internal sealed class PartitionQueue(BlockQueue below, BlockBounds bounds, ulong firstSector, int depth) : BlockQueue
{
    private readonly BlockRequest[] _moved = new BlockRequest[Math.Min(depth, 64)];
    private CompletionRing _refused = new(depth);

    public override Doorbell? Completions => below.Completions;

    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        int count = 0;
        foreach (ref readonly BlockRequest request in requests)
        {
            if (!bounds.Contain(request))
            {
                _refused.Add(request.Tag, BlockStatus.IoError);
                continue;
            }

            ref BlockRequest moved = ref _moved[count++];
            moved = request;
            moved.Sector = request.Operation == BlockOperation.Flush ? 0 : request.Sector + firstSector;
            if (count == _moved.Length)
            {
                below.Submit(_moved);
                count = 0;
            }
        }

        if (count != 0)
        {
            below.Submit(_moved.AsSpan(0, count));
        }
    }

    public override int Poll(Span<BlockCompletion> completions)
    {
        int refused = _refused.IsEmpty ? 0 : _refused.Take(completions);
        return refused + below.Poll(completions[refused..]);
    }

    public override long Arm() => _refused.IsEmpty ? below.Arm() : Ready;

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            below.Dispose();
        }
    }
}
