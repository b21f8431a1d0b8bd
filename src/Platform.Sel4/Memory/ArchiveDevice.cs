namespace Makatea.Platform.Sel4;

/// <summary>A file of the archive as a read-only disk, such as a template: whole sectors of it.</summary>
internal sealed class ArchiveDevice(MappedMemory file) : BlockDevice
{
    /// <inheritdoc/>
    public override BlockDeviceInfo Info { get; } = new() { SectorCount = file.Length / SectorSize, IsReadOnly = true, HasVolatileCache = false };

    /// <inheritdoc/>
    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) => new ArchiveQueue(file, depth);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => file.Dispose();
}

/// <summary>Its queue: requests complete within <see cref="Submit"/>.</summary>
internal sealed class ArchiveQueue(MappedMemory file, int depth) : BlockQueue
{
    private readonly NativeArray<BlockCompletion> _completed = new(depth);
    private int _first;
    private int _count;

    /// <inheritdoc/>
    public override Doorbell? Completions => null;

    /// <inheritdoc/>
    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        foreach (ref readonly BlockRequest request in requests)
        {
            int last = _first + _count++;
            _completed[last < depth ? last : last - depth] = new(request.Tag, Execute(request));
        }
    }

    /// <inheritdoc/>
    public override int Poll(Span<BlockCompletion> completions)
    {
        int taken = Math.Min(_count, completions.Length);
        for (int i = 0; i < taken; i++)
        {
            completions[i] = _completed[_first];
            _first = _first + 1 < depth ? _first + 1 : 0;
        }

        _count -= taken;
        return taken;
    }

    /// <inheritdoc/>
    public override long Arm() => _count == 0 ? DoorbellWaiter.Forever : Ready;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _completed.Dispose();

    private BlockStatus Execute(in BlockRequest request) => request.Operation switch
    {
        BlockOperation.Read => Read(request),
        BlockOperation.Flush => BlockStatus.Ok,
        BlockOperation.Write => BlockStatus.IoError,
        _ => BlockStatus.Unsupported,
    };

    private BlockStatus Read(in BlockRequest request)
    {
        ulong sectors = file.Length / BlockDevice.SectorSize;
        if (request.Sector > sectors || request.SectorCount > sectors - request.Sector || request.Data.TotalLength() != (long)request.SectorCount * BlockDevice.SectorSize)
        {
            return BlockStatus.IoError;
        }

        ulong offset = request.Sector * BlockDevice.SectorSize;
        foreach (ref readonly MemorySegment segment in request.Data.AsSpan())
        {
            file.Slice(offset, segment.Length).AsSpan().CopyTo(segment.AsSpan());
            offset += (uint)segment.Length;
        }

        return BlockStatus.Ok;
    }
}
