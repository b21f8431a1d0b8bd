using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// Queue of an <see cref="OverlayDevice"/>. A request whose grains are all in one place goes there as it is, under its own tag; so does a write of whole grains, which
/// locks them (OverlayQueue.Passing.cs). All else is split (OverlayQueue.Splits.cs) into pieces (OverlayQueue.Pieces.cs). Flushes of a kept overlay commit its map (OverlayQueue.Commit.cs).
/// </summary>
/// <remarks>
/// Rules that make concurrent writes safe, with a bit per grain for "is the overlay's" and one for "is locked":
/// a grain that is the overlay's is written by anybody, as nothing but requests ever writes it;
/// a grain that is not is written only by whoever locked it, who looks again after locking, and makes it the overlay's before unlocking;
/// a lock is held only while a request below is under way, which needs no other lock, so locks are waited for and never deadlock.
/// </remarks>
internal sealed partial class OverlayQueue : BlockQueue
{
    private const int PieceCount = 32;
    private static readonly long RetryTicks = TimeProvider.System.TimestampFrequency / 20_000;

    private readonly OverlayDevice _device;
    private readonly GrainMap _owned;
    private readonly GrainMap _locked;
    private readonly BlockQueue _base;
    private readonly BlockQueue _storage;
    private readonly BlockBounds _bounds;
    private readonly ulong _sectorCount;
    private readonly ulong _dataSector;
    private readonly uint _grainSectors;
    private readonly int _depth;
    private CompletionRing _done;

    public OverlayQueue(OverlayDevice device, BlockQueue @base, BlockQueue storage, int depth)
    {
        _device = device;
        _owned = device.Owned;
        _locked = device.Locked;
        _base = @base;
        _storage = storage;
        _depth = depth;
        _bounds = new BlockBounds(device.Info);
        _sectorCount = device.Format.SectorCount;
        _dataSector = device.Format.DataOffset / BlockDevice.SectorSize;
        _grainSectors = device.Format.GrainSectors;
        _becoming = new GrainRun[depth];
        _done = new CompletionRing(depth);
        _splits = new OverlaySplit[depth];
        _waiting = new TagRing(depth);
        _flushes = new TagRing(depth);
        _committed = new TagRing(depth);
        _buffers = new NativeArray<byte>(PieceCount * device.Format.GrainSize);
        _segments = new NativeArray<MemorySegment>(PieceCount * PieceSegments);
        for (int i = 0; i < PieceCount; i++)
        {
            _freePieces[i] = i;
        }
    }

    public override Doorbell? Completions => _base.Completions ?? _storage.Completions;

    /// <summary>Depth of the queues below: every request, every piece and a commit's flush.</summary>
    public static int DepthBelow(int depth) => depth + PieceCount + 1;

    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        foreach (ref readonly BlockRequest request in requests)
        {
            if (!_bounds.Contain(request))
            {
                _done.Add(request.Tag, BlockStatus.IoError);
            }
            else if (request.Operation == BlockOperation.Flush)
            {
                StartFlush(request.Tag);
            }
            else if (request.SectorCount == 0)
            {
                _done.Add(request.Tag, BlockStatus.Ok);
            }
            else if (!TryPassOn(request))
            {
                StartSplit(request);
            }
        }

        SubmitBelow();
    }

    public override int Poll(Span<BlockCompletion> completions)
    {
        int count = _done.IsEmpty ? 0 : _done.Take(completions);
        count += PollStorage(completions[count..]);
        count += PollBase(completions[count..]);
        Advance();
        return _done.IsEmpty ? count : count + _done.Take(completions[count..]);
    }

    public override long Arm()
    {
        Advance();
        if (!_done.IsEmpty)
        {
            return Ready;
        }

        // Another queue holds what we wait for; it does not know of us, so we look again soon.
        bool retry = _waitsForLock || (!_flushes.IsEmpty && _step == CommitStep.None);
        long deadline = Math.Min(_storage.Arm(), _base.Arm());
        return retry ? Math.Min(deadline, TimeProvider.System.GetTimestamp() + RetryTicks) : deadline;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _base.Dispose();
            _storage.Dispose();
            _buffers.Dispose();
            _segments.Dispose();
        }
    }
}
