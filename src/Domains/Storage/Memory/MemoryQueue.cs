using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Queue of a <see cref="MemoryDevice"/>.</summary>
internal sealed class MemoryQueue(GuestMemoryWindow window, BlockBounds bounds, int depth) : BlockQueue
{
    private const int ClearStep = 1 << 30;
    private CompletionRing _completed = new(depth);

    public override Doorbell? Completions => null;

    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        foreach (ref readonly BlockRequest request in requests)
        {
            _completed.Add(request.Tag, bounds.Contain(request) ? Execute(request) : BlockStatus.IoError);
        }
    }

    public override int Poll(Span<BlockCompletion> completions) => _completed.Take(completions);

    public override long Arm() => _completed.IsEmpty ? DoorbellWaiter.Forever : Ready;

    protected override void Dispose(bool disposing)
    {
    }

    private BlockStatus Execute(in BlockRequest request)
    {
        ulong offset = request.Sector * BlockDevice.SectorSize;
        ulong length = (ulong)request.SectorCount * BlockDevice.SectorSize;
        switch (request.Operation)
        {
            case BlockOperation.Read:
                return Copy(request.Data, offset, length, toDevice: false);
            case BlockOperation.Write:
                return Copy(request.Data, offset, length, toDevice: true);
            case BlockOperation.Flush:
                return BlockStatus.Ok;
            case BlockOperation.Discard:
            case BlockOperation.WriteZeroes:
            case BlockOperation.WriteZeroesUnmap:
            case BlockOperation.SecureErase:
                return Clear(offset, length);
            default:
                return BlockStatus.Unsupported;
        }
    }

    private BlockStatus Copy(ScatterList data, ulong offset, ulong length, bool toDevice)
    {
        foreach (ref readonly MemorySegment segment in data.AsSpan())
        {
            if ((ulong)segment.Length > length || !window.TryTranslate(offset, (uint)segment.Length, out MemorySegment stored))
            {
                return BlockStatus.IoError;
            }

            (toDevice ? segment : stored).AsSpan().CopyTo((toDevice ? stored : segment).AsSpan());
            offset += (uint)segment.Length;
            length -= (uint)segment.Length;
        }

        return length == 0 ? BlockStatus.Ok : BlockStatus.IoError;
    }

    private BlockStatus Clear(ulong offset, ulong length)
    {
        while (length != 0)
        {
            uint step = (uint)Math.Min(length, ClearStep);
            if (!window.TryTranslate(offset, step, out MemorySegment stored))
            {
                return BlockStatus.IoError;
            }

            stored.AsSpan().Clear();
            offset += step;
            length -= step;
        }

        return BlockStatus.Ok;
    }
}
