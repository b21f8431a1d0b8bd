using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Flushes, and the commit of the map that they need.</summary>
internal sealed partial class OverlayQueue
{
    private CommitStep _step;
    private TagRing _flushes;
    private TagRing _committed;
    private int _written;
    private int _writesUnderWay;
    private bool _writeFailed;

    private enum CommitStep
    {
        None,
        FlushData,
        WriteMap,
        FlushMap,
    }

    private void StartFlush(int tag)
    {
        if (_device.Commit is null)
        {
            _done.Add(tag, BlockStatus.Ok);
        }
        else if (!_device.Commit.IsNeeded)
        {
            NextToStorage() = new BlockRequest { Operation = BlockOperation.Flush, Tag = tag };
        }
        else
        {
            _flushes.Add(tag);
            AdvanceCommit();
        }
    }

    private void AdvanceCommit()
    {
        if (_step == CommitStep.WriteMap)
        {
            WriteMap();
        }
        else if (_step == CommitStep.None && !_flushes.IsEmpty && _device.Commit!.TryBegin())
        {
            // Every flush that waits here is served by this one commit.
            while (!_flushes.IsEmpty)
            {
                _committed.Add(_flushes.Take());
            }

            NextPages();
        }
    }

    private void NextPages()
    {
        _step = _device.Commit!.Stage() ? CommitStep.FlushData : CommitStep.FlushMap;
        _written = 0;
        _writeFailed = false;
        NextToStorage() = new BlockRequest { Operation = BlockOperation.Flush, Tag = _depth + PieceCount };
    }

    private void EndCommitFlush(BlockStatus status)
    {
        if (status != BlockStatus.Ok || _step == CommitStep.FlushMap)
        {
            EndCommit(status == BlockStatus.Ok);
            return;
        }

        _step = CommitStep.WriteMap;
        WriteMap();
    }

    /// <summary>Writes the staged pages, those that follow one another at once.</summary>
    private void WriteMap()
    {
        ReadOnlySpan<int> pages = _device.Commit!.Staged;
        while (_written < pages.Length && _freeCount > 0 && !_writeFailed)
        {
            int first = _written++;
            while (_written < pages.Length && pages[_written] == pages[first] + (_written - first))
            {
                _written++;
            }

            int index = _freePieces[--_freeCount];
            _pieces[index] = new OverlayPiece { Kind = OverlayPieceKind.MapWrite };
            _segments[index * PieceSegments] = _device.Commit.Copies(first, _written - first);
            ulong pageSectors = (ulong)(_device.Format.PageSize / BlockDevice.SectorSize);
            NextToStorage() = new BlockRequest
            {
                Operation = BlockOperation.Write,
                Sector = (_device.Format.MapOffset / BlockDevice.SectorSize) + ((ulong)pages[first] * pageSectors),
                Tag = _depth + index,
                SectorCount = (uint)(_written - first) * (uint)pageSectors,
                Data = ScatterList.Of(_segments, index * PieceSegments, 1),
            };
            _writesUnderWay++;
        }
    }

    private void EndMapWrite(bool ok)
    {
        _writesUnderWay--;
        _writeFailed |= !ok;
        if (_writesUnderWay != 0 || (_written < _device.Commit!.Staged.Length && !_writeFailed))
        {
            return;
        }

        if (_writeFailed)
        {
            EndCommit(false);
        }
        else
        {
            NextPages();
        }
    }

    private void EndCommit(bool succeeded)
    {
        _step = CommitStep.None;
        _device.Commit!.End(succeeded);
        while (!_committed.IsEmpty)
        {
            _done.Add(_committed.Take(), succeeded ? BlockStatus.Ok : BlockStatus.IoError);
        }
    }
}
