using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Pieces of requests: each is one request below, or two where a grain is copied up.</summary>
internal sealed partial class OverlayQueue
{
    private const int PieceSegments = 64;

    private readonly OverlayPiece[] _pieces = new OverlayPiece[PieceCount];
    private readonly int[] _freePieces = new int[PieceCount];
    private readonly NativeArray<byte> _buffers;
    private readonly NativeArray<MemorySegment> _segments;
    private int _freeCount = PieceCount;

    /// <summary>Makes a piece that reads, writes or zeroes <paramref name="grains"/>, so far as its scatter list holds them.</summary>
    private void MakeDirect(ref OverlaySplit split, int tag, GrainRun grains, bool owned, bool isLocked)
    {
        ulong end = Math.Min(split.End, (ulong)(grains.First + grains.Count) * _grainSectors);
        int index = TakePiece(ref split, tag, OverlayPieceKind.Direct, split.Next, (uint)(end - split.Next));
        ref OverlayPiece piece = ref _pieces[index];
        BlockRequest request = split.Request;
        request.Sector = piece.Sector;
        if (request.Operation is BlockOperation.Read or BlockOperation.Write)
        {
            int unit = isLocked ? _device.Format.GrainSize : _device.Info.BlockSize;
            long listed = split.Data.Take(split.Request.Data, (long)piece.Sectors * BlockDevice.SectorSize, unit, _segments, index * PieceSegments, PieceSegments, out request.Data);
            if (listed == 0)
            {
                request.Data = Bounce(ref split, ref piece, index);
                listed = (long)piece.Sectors * BlockDevice.SectorSize;
            }

            piece.Sectors = (uint)(listed / BlockDevice.SectorSize);
        }

        split.Next = piece.Sector + piece.Sectors;
        if (isLocked)
        {
            piece.FirstGrain = grains.First;
            piece.Grains = GrainsOf(piece.Sector, split.Next).Count;
            _locked.Remove(grains.First + piece.Grains, grains.Count - piece.Grains);
        }

        request.SectorCount = piece.Sectors;
        request.Tag = _depth + index;
        if (owned)
        {
            ToStorage(request, request.Tag);
        }
        else
        {
            ToBase(request);
        }
    }

    /// <summary>Lets the piece use its buffer, for what there is of the grain.</summary>
    private ScatterList Bounce(ref OverlaySplit split, ref OverlayPiece piece, int index)
    {
        piece.Sectors = Math.Min(piece.Sectors, _grainSectors - (uint)(piece.Sector % _grainSectors));
        int length = (int)piece.Sectors * BlockDevice.SectorSize;
        if (split.Request.Operation == BlockOperation.Read)
        {
            piece.Kind = OverlayPieceKind.BouncedRead;
            piece.Data = split.Data;
            split.Data.Skip(split.Request.Data, length);
        }
        else
        {
            split.Data.Copy(split.Request.Data, Buffer(index)[..length], intoList: false);
        }

        return ListBuffer(index, length);
    }

    /// <summary>Makes a piece that reads a locked grain of the base, of which the request changes a part.</summary>
    private void MakeCopyUp(ref OverlaySplit split, int tag, long grain)
    {
        ulong start = (ulong)grain * _grainSectors;
        ulong end = Math.Min(start + _grainSectors, _sectorCount);
        ulong pieceEnd = Math.Min(split.End, end);
        int index = TakePiece(ref split, tag, OverlayPieceKind.CopyUp, split.Next, (uint)(pieceEnd - split.Next));
        ref OverlayPiece piece = ref _pieces[index];
        piece.FirstGrain = grain;
        piece.Grains = 1;
        piece.Data = split.Data;
        split.Next = pieceEnd;
        if (split.Request.Operation == BlockOperation.Write)
        {
            split.Data.Skip(split.Request.Data, (long)piece.Sectors * BlockDevice.SectorSize);
        }

        ToBase(GrainRequest(BlockOperation.Read, index, start, end));
    }

    private BlockRequest GrainRequest(BlockOperation operation, int index, ulong start, ulong end) => new()
    {
        Operation = operation,
        Sector = start,
        SectorCount = (uint)(end - start),
        Tag = _depth + index,
        Data = ListBuffer(index, (int)(end - start) * BlockDevice.SectorSize),
    };

    /// <summary>A request below ended that is none of the user's: a piece, or a commit's flush.</summary>
    private void EndBelow(BlockCompletion completion)
    {
        int index = completion.Tag - _depth;
        if (index == PieceCount)
        {
            EndCommitFlush(completion.Status);
            return;
        }

        ref OverlayPiece piece = ref _pieces[index];
        bool ok = completion.Status == BlockStatus.Ok;
        if (piece.Kind == OverlayPieceKind.MapWrite)
        {
            _freePieces[_freeCount++] = index;
            EndMapWrite(ok);
            return;
        }

        ref OverlaySplit split = ref _splits[piece.Tag];
        if (ok && piece.Kind == OverlayPieceKind.CopyUp)
        {
            WriteMerged(ref split, ref piece, index);
            return;
        }

        if (ok && piece.Kind == OverlayPieceKind.BouncedRead)
        {
            piece.Data.Copy(split.Request.Data, Buffer(index)[..((int)piece.Sectors * BlockDevice.SectorSize)], intoList: true);
        }

        if (piece.Grains != 0)
        {
            Unlock(new GrainRun(piece.FirstGrain, piece.Grains), ok);
        }

        EndPiece(ref split, piece.Tag, index, completion.Status);
    }

    private void WriteMerged(ref OverlaySplit split, ref OverlayPiece piece, int index)
    {
        ulong start = (ulong)piece.FirstGrain * _grainSectors;
        Span<byte> changed = Buffer(index).Slice((int)(piece.Sector - start) * BlockDevice.SectorSize, (int)piece.Sectors * BlockDevice.SectorSize);
        if (split.Request.Operation == BlockOperation.Write)
        {
            piece.Data.Copy(split.Request.Data, changed, intoList: false);
        }
        else
        {
            changed.Clear();
        }

        piece.Kind = OverlayPieceKind.Direct;
        ToStorage(GrainRequest(BlockOperation.Write, index, start, Math.Min(start + _grainSectors, _sectorCount)), _depth + index);
    }

    private void EndPiece(ref OverlaySplit split, int tag, int index, BlockStatus status)
    {
        _freePieces[_freeCount++] = index;
        split.UnderWay--;
        if (status != BlockStatus.Ok && split.Status == BlockStatus.Ok)
        {
            // "Nothing happened" is not true of the request where it was not true of other pieces.
            split.Status = split.Made == 1 ? status : BlockStatus.IoError;
        }

        if (split.UnderWay == 0 && !split.IsWaiting)
        {
            _done.Add(tag, split.Status);
        }
    }

    private int TakePiece(ref OverlaySplit split, int tag, OverlayPieceKind kind, ulong sector, uint sectors)
    {
        int index = _freePieces[--_freeCount];
        _pieces[index] = new OverlayPiece { Tag = tag, Kind = kind, Sector = sector, Sectors = sectors };
        split.Made++;
        split.UnderWay++;
        return index;
    }

    private Span<byte> Buffer(int index) => _buffers.AsSpan(index * _device.Format.GrainSize, _device.Format.GrainSize);

    private ScatterList ListBuffer(int index, int length)
    {
        _segments[index * PieceSegments] = _buffers.AsSegment(index * _device.Format.GrainSize, length);
        return ScatterList.Of(_segments, index * PieceSegments, 1);
    }
}
