namespace Makatea.Platform.Linux;

/// <summary>A queue on a mapped file: requests are copied within <see cref="Submit"/>, those that cannot be go through system calls.</summary>
internal sealed class MappedQueue : BlockQueue
{
    private readonly BlockFile _file;
    private readonly FileMap _map;
    private readonly FileIo _io;
    private readonly bool[] _copied;
    private CompletionList _completed;
    private bool _disposed;

    internal MappedQueue(BlockFile file, FileMap map, int depth)
    {
        _file = file;
        _map = map;
        _io = new FileIo(file);
        _copied = new bool[depth];
        _completed = new CompletionList(depth);
        file.Hold();
    }

    /// <inheritdoc/>
    public override Doorbell? Completions => null;

    /// <inheritdoc/>
    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        Span<bool> copied = _copied.AsSpan(0, requests.Length);
        if (!CopyAll(requests, copied))
        {
            copied.Clear();
        }

        ulong writable = 0;
        for (int i = 0; i < requests.Length; i++)
        {
            _completed.Add(requests[i].Tag, copied[i] ? BlockStatus.Ok : Execute(requests[i], ref writable));
        }
    }

    /// <inheritdoc/>
    public override int Poll(Span<BlockCompletion> completions) => _completed.Take(completions);

    /// <inheritdoc/>
    public override long Arm() => _completed.IsEmpty ? DoorbellWaiter.Forever : Ready;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!_disposed)
        {
            _disposed = true;
            _io.Dispose();
            _file.Release();
        }
    }

    /// <summary>Copies what can be copied, then looks whether the file was whole all the time.</summary>
    /// <returns>False where nothing of it counts.</returns>
    private bool CopyAll(ReadOnlySpan<BlockRequest> requests, Span<bool> copied)
    {
        if (_map.IsLost)
        {
            return false;
        }

        ulong writable = _file.Traits.IsReadOnly ? 0 : _file.SectorCount;
        bool any = false;
        for (int i = 0; i < requests.Length; i++)
        {
            ref readonly BlockRequest request = ref requests[i];
            if (i + 1 < requests.Length)
            {
                _map.Prefetch(requests[i + 1]);
            }

            copied[i] = request.Operation is BlockOperation.Read or BlockOperation.Write
                && _file.Check(request, ref writable) == BlockStatus.Ok
                && _map.TryCopy(request);
            any |= copied[i];
        }

        return !any || _map.IsWhole();
    }

    private BlockStatus Execute(in BlockRequest request, ref ulong writable)
    {
        BlockStatus status = _file.Check(request, ref writable);
        if (status != BlockStatus.Ok)
        {
            return status;
        }

        ulong offset = request.Sector * BlockDevice.SectorSize;
        ulong length = (ulong)request.SectorCount * BlockDevice.SectorSize;
        switch (request.Operation)
        {
            case BlockOperation.Write:
            case BlockOperation.WriteZeroes:
                status = _io.Execute(request);
                if (status == BlockStatus.Ok)
                {
                    _map.Pages.Add(offset, length);
                }

                return status;
            case BlockOperation.Discard:
            case BlockOperation.WriteZeroesUnmap:
                _map.Pages.Remove(offset, length);
                return _io.Execute(request);
            default:
                return _io.Execute(request);
        }
    }
}
