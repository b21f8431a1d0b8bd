using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Requests that are split: which piece comes next, and what it waits for.</summary>
internal sealed partial class OverlayQueue
{
    private const long MaxPieceGrains = 1 << 16;

    private readonly OverlaySplit[] _splits;
    private TagRing _waiting;
    private bool _waitsForLock;

    private void StartSplit(in BlockRequest request)
    {
        ref OverlaySplit split = ref _splits[request.Tag];
        split = new OverlaySplit { Request = request, Next = request.Sector, End = request.Sector + request.SectorCount };
        switch (request.Operation)
        {
            case BlockOperation.Read:
            case BlockOperation.Write:
                break;
            case BlockOperation.Discard when _device.Info.SupportsWriteZeroes:
                // Of a grain in part, nothing need be done, and zeroing it would make it the overlay's for nothing.
                split.Request.Operation = BlockOperation.WriteZeroesUnmap;
                split.Next = (split.Next + _grainSectors - 1) / _grainSectors * _grainSectors;
                split.End = split.End == _sectorCount ? split.End : split.End / _grainSectors * _grainSectors;
                break;
            case BlockOperation.WriteZeroes or BlockOperation.WriteZeroesUnmap when _device.Info.SupportsWriteZeroes:
                break;
            default:
                _done.Add(request.Tag, BlockStatus.Unsupported);
                return;
        }

        Continue(request.Tag);
    }

    /// <summary>Makes pieces of what is left of a request; ends it, or lets it wait for a free piece or a lock.</summary>
    private void Continue(int tag)
    {
        ref OverlaySplit split = ref _splits[tag];
        split.IsWaiting = false;
        while (split.Next < split.End && split.Status == BlockStatus.Ok)
        {
            if (_freeCount == 0 || !TryMakePiece(ref split, tag))
            {
                _waitsForLock |= _freeCount != 0;
                split.IsWaiting = true;
                _waiting.Add(tag);
                return;
            }
        }

        if (split.UnderWay == 0)
        {
            _done.Add(tag, split.Status);
        }
    }

    /// <summary>Gives those that wait another chance, each once.</summary>
    private void Advance()
    {
        AdvanceCommit();
        _waitsForLock = false;
        for (int count = _waiting.Count; count > 0 && _freeCount > 0; count--)
        {
            Continue(_waiting.Take());
        }

        SubmitBelow();
    }

    /// <summary>Makes the next piece, or finds that it could be made as another kind now.</summary>
    /// <returns>False where a lock is to be waited for.</returns>
    private bool TryMakePiece(ref OverlaySplit split, int tag)
    {
        GrainRun left = GrainsOf(split.Next, split.End);
        long run = _owned.Run(left.First, Math.Min(left.Count, MaxPieceGrains), out bool owned);
        if (owned || split.Request.Operation == BlockOperation.Read)
        {
            MakeDirect(ref split, tag, new GrainRun(left.First, run), owned, isLocked: false);
            return true;
        }

        long whole = WholeGrains(split.Next, split.End);
        long locked = _locked.TryAdd(left.First, whole == 0 ? 1 : Math.Min(run, whole));
        if (locked == 0)
        {
            return false;
        }

        if (whole != 0)
        {
            MakeDirect(ref split, tag, new GrainRun(left.First, locked), owned: true, isLocked: true);
        }
        else if (_owned.Contains(left.First))
        {
            // It became the overlay's between the look and the lock.
            _locked.Remove(left.First, 1);
        }
        else
        {
            MakeCopyUp(ref split, tag, left.First);
        }

        return true;
    }

    /// <summary>Number of grains from <paramref name="sector"/> on that are covered whole.</summary>
    private long WholeGrains(ulong sector, ulong end) =>
        sector % _grainSectors != 0 ? 0 : (long)(end == _sectorCount ? (end - sector + _grainSectors - 1) / _grainSectors : (end - sector) / _grainSectors);
}
