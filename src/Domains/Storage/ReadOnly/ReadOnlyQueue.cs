using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Queue of a <see cref="ReadOnlyDevice"/>: passes batches on as they are, in one piece where they hold nothing that writes.</summary>
internal sealed class ReadOnlyQueue(BlockQueue below, int depth) : BlockQueue
{
    private CompletionRing _refused = new(depth);

    public override Doorbell? Completions => below.Completions;

    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        int start = 0;
        for (int i = 0; i < requests.Length; i++)
        {
            if (requests[i].Operation is not (BlockOperation.Read or BlockOperation.Flush))
            {
                _refused.Add(requests[i].Tag, BlockStatus.IoError);
                PassOn(requests[start..i]);
                start = i + 1;
            }
        }

        PassOn(requests[start..]);
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

    private void PassOn(ReadOnlySpan<BlockRequest> requests)
    {
        if (!requests.IsEmpty)
        {
            below.Submit(requests);
        }
    }
}
