using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// Queue of an <see cref="OverlayDevice"/>. A request whose grains are all in one place goes there as it is, under its own tag; so does a write of whole grains, which
/// locks them. All else is split into pieces (OverlayQueue.Pieces.cs). Flushes of a kept overlay commit its map (OverlayQueue.Commit.cs).
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
    private const int BatchSize = 64;
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
    private readonly GrainRun[] _becoming;
    private readonly BlockRequest[] _toBase = new BlockRequest[BatchSize];
    private readonly BlockRequest[] _toStorage = new BlockRequest[BatchSize];
    private int _toBaseCount;
    private int _toStorageCount;
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

    /// <summary>Passes the request on in one piece, where that can be done.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryPassOn(in BlockRequest request)
    {
        if (request.Operation is not (BlockOperation.Read or BlockOperation.Write))
        {
            return false;
        }

        var grains = GrainsOf(request.Sector, request.Sector + request.SectorCount);
        bool inOnePlace = _owned.Run(grains.First, grains.Count, out bool owned) == grains.Count;
        if (inOnePlace && owned)
        {
            ToStorage(request, request.Tag);
            return true;
        }

        if (request.Operation == BlockOperation.Read)
        {
            if (inOnePlace)
            {
                ToBase(request);
            }

            return inOnePlace;
        }

        if (!IsWholeGrains(request.Sector, request.Sector + request.SectorCount))
        {
            return false;
        }

        long locked = _locked.TryAdd(grains.First, grains.Count);
        if (locked != grains.Count)
        {
            _locked.Remove(grains.First, locked);
            return false;
        }

        _becoming[request.Tag] = grains;
        ToStorage(request, request.Tag);
        return true;
    }

    private int PollStorage(Span<BlockCompletion> completions)
    {
        int polled = _storage.Poll(completions);
        int count = 0;
        for (int i = 0; i < polled; i++)
        {
            BlockCompletion completion = completions[i];
            if (completion.Tag < _depth)
            {
                ref GrainRun becoming = ref _becoming[completion.Tag];
                if (becoming.Count != 0)
                {
                    Unlock(becoming, completion.Status == BlockStatus.Ok);
                    becoming = default;
                }

                completions[count++] = completion;
            }
            else
            {
                EndBelow(completion);
            }
        }

        return count;
    }

    private int PollBase(Span<BlockCompletion> completions)
    {
        int polled = _base.Poll(completions);
        int count = 0;
        for (int i = 0; i < polled; i++)
        {
            BlockCompletion completion = completions[i];
            if (completion.Tag < _depth)
            {
                completions[count++] = completion;
            }
            else
            {
                EndBelow(completion);
            }
        }

        return count;
    }

    /// <summary>Ends a lock, after the grains became the overlay's where that succeeded.</summary>
    private void Unlock(GrainRun grains, bool owned)
    {
        if (owned)
        {
            _owned.Add(grains.First, grains.Count);
            _device.Commit?.MarkDirty(grains.First, grains.Count);
        }

        _locked.Remove(grains.First, grains.Count);
    }

    private GrainRun GrainsOf(ulong sector, ulong end)
    {
        long first = (long)(sector / _grainSectors);
        return new GrainRun(first, (long)((end - 1) / _grainSectors) + 1 - first);
    }

    /// <summary>Whether no grain is covered in part. The last one may end with the device.</summary>
    private bool IsWholeGrains(ulong sector, ulong end) => sector % _grainSectors == 0 && (end % _grainSectors == 0 || end == _sectorCount);

    private void ToBase(in BlockRequest request)
    {
        if (_toBaseCount == BatchSize)
        {
            SubmitBelow();
        }

        _toBase[_toBaseCount++] = request;
    }

    /// <summary>Passes a request on, moved to the data area.</summary>
    private void ToStorage(in BlockRequest request, int tag)
    {
        ref BlockRequest moved = ref NextToStorage();
        moved = request;
        moved.Tag = tag;
        moved.Sector += _dataSector;
    }

    private ref BlockRequest NextToStorage()
    {
        if (_toStorageCount == BatchSize)
        {
            SubmitBelow();
        }

        return ref _toStorage[_toStorageCount++];
    }

    private void SubmitBelow()
    {
        if (_toStorageCount != 0)
        {
            _storage.Submit(_toStorage.AsSpan(0, _toStorageCount));
            _toStorageCount = 0;
        }

        if (_toBaseCount != 0)
        {
            _base.Submit(_toBase.AsSpan(0, _toBaseCount));
            _toBaseCount = 0;
        }
    }
}
