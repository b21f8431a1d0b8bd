using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>Queue of a <see cref="FaultyDevice"/>. Over a device that completes within Submit.</summary>
internal sealed class FaultyQueue(FaultyDevice device, BlockQueue below, int depth, int seed) : BlockQueue
{
    private readonly Random _random = new(seed);
    private readonly BlockRequest[] _waiting = new BlockRequest[depth];
    private readonly BlockCompletion[] _one = new BlockCompletion[1];
    private int _count;

    public override Doorbell? Completions => null;

    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        foreach (BlockRequest request in requests)
        {
            Assert.True(_count < depth, "the layer above has more requests outstanding than the depth it opened the queue with");
            Assert.InRange(request.Tag, 0, depth - 1);
            for (int i = 0; i < _count; i++)
            {
                Assert.NotEqual(_waiting[i].Tag, request.Tag);
            }

            if (request.Operation is BlockOperation.Read or BlockOperation.Write)
            {
                Assert.Equal(request.SectorCount * 512L, request.Data.TotalLength());
            }

            _waiting[_count++] = request;
            lock (device.Seen)
            {
                if (device.Seen.Count < 10_000)
                {
                    device.Seen.Add(request);
                }
            }
        }
    }

    public override int Poll(Span<BlockCompletion> completions)
    {
        int done = 0;
        for (int tries = _random.Next(0, _count + 1); tries > 0 && done < completions.Length; tries--)
        {
            int pick = _random.Next(_count);
            BlockRequest request = _waiting[pick];
            if (device.Holds(request))
            {
                continue;
            }

            _waiting[pick] = _waiting[--_count];
            completions[done++] = device.Fails(request) ? new BlockCompletion(request.Tag, BlockStatus.IoError) : Execute(request);
        }

        return done;
    }

    public override long Arm() => _count == 0 ? DoorbellWaiter.Forever : Ready;

    protected override void Dispose(bool disposing)
    {
        Assert.Equal(0, _count);
        below.Dispose();
        device.Close(this);
    }

    private BlockCompletion Execute(BlockRequest request)
    {
        below.Submit(new ReadOnlySpan<BlockRequest>(in request));
        Assert.Equal(1, below.Poll(_one));
        return _one[0];
    }
}
