using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// Queue of a <see cref="RateLimitDevice"/>. Only its oldest waiting request has taken its tokens, so that no queue is ahead of the others by more than one.
/// </summary>
internal sealed class RateLimitQueue(RateLimitDevice device, BlockQueue below, Doorbell? doorbell, int depth) : BlockQueue
{
    private readonly RequestRing _waiting = new(depth);
    private TokenBuckets? _takenFrom;
    private long _start;
    private double _operationRest;
    private double _byteRest;

    /// <summary>Number of requests that had to wait. Written by the queue's thread alone.</summary>
    public long Throttled { get; private set; }

    public override Doorbell? Completions => below.Completions ?? doorbell;

    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        TokenBuckets buckets = device.Buckets;
        if (!_waiting.IsEmpty)
        {
            Wait(requests);
            return;
        }

        int ready = 0;
        if (buckets.AreUnlimited)
        {
            ready = requests.Length;
        }
        else if (!requests.IsEmpty)
        {
            long now = device.Clock.GetTimestamp();
            while (ready < requests.Length && Take(buckets, requests[ready], now))
            {
                ready++;
            }
        }

        if (ready != 0)
        {
            below.Submit(requests[..ready]);
        }

        Wait(requests[ready..]);
    }

    public override int Poll(Span<BlockCompletion> completions)
    {
        if (!_waiting.IsEmpty)
        {
            StartWaiting();
        }

        return below.Poll(completions);
    }

    public override long Arm()
    {
        if (!_waiting.IsEmpty)
        {
            StartWaiting();
        }

        long deadline = below.Arm();
        return _waiting.IsEmpty ? deadline : Math.Min(deadline, Math.Max(_start, Ready + 1));
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            device.Close(this);
            below.Dispose();
        }
    }

    private void Wait(ReadOnlySpan<BlockRequest> requests)
    {
        _waiting.Add(requests);
        Throttled += requests.Length;
    }

    private void StartWaiting()
    {
        TokenBuckets buckets = device.Buckets;
        long now = device.Clock.GetTimestamp();
        while (!_waiting.IsEmpty)
        {
            ReadOnlySpan<BlockRequest> next = _waiting.Oldest();
            int ready = 0;
            while (ready < next.Length && (ready == 0 && ReferenceEquals(_takenFrom, buckets) ? _start <= now : Take(buckets, next[ready], now)))
            {
                _takenFrom = null;
                ready++;
            }

            if (ready != 0)
            {
                below.Submit(next[..ready]);
                _waiting.Remove(ready);
            }

            if (ready < next.Length)
            {
                return;
            }
        }
    }

    /// <summary>Takes the request's tokens.</summary>
    /// <returns>Whether it may start now; else it may at <see cref="_start"/>, and needs no other tokens unless the limits change.</returns>
    private bool Take(TokenBuckets buckets, in BlockRequest request, long now)
    {
        long start = buckets.Operations is { } operations ? operations.Take(1, now, ref _operationRest) : now;
        if (buckets.Bytes is { } bytes && request.SectorCount != 0 && request.Operation is BlockOperation.Read or BlockOperation.Write)
        {
            start = Math.Max(start, bytes.Take((long)request.SectorCount * BlockDevice.SectorSize, now, ref _byteRest));
        }

        if (start <= now)
        {
            return true;
        }

        _takenFrom = buckets;
        _start = start;
        return false;
    }
}
