using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Queue of a <see cref="NullDevice"/>.</summary>
internal sealed class NullQueue(BlockBounds bounds, bool readsZeroes, int depth) : BlockQueue
{
    private CompletionRing _completed = new(depth);

    public override Doorbell? Completions => null;

    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        foreach (ref readonly BlockRequest request in requests)
        {
            BlockStatus status = bounds.Contain(request) ? BlockStatus.Ok : BlockStatus.IoError;
            if (readsZeroes && request.Operation == BlockOperation.Read && status == BlockStatus.Ok)
            {
                foreach (ref readonly MemorySegment segment in request.Data.AsSpan())
                {
                    segment.AsSpan().Clear();
                }
            }

            _completed.Add(request.Tag, status);
        }
    }

    public override int Poll(Span<BlockCompletion> completions) => _completed.Take(completions);

    public override long Arm() => _completed.IsEmpty ? DoorbellWaiter.Forever : Ready;

    protected override void Dispose(bool disposing)
    {
    }
}
