namespace Makatea.Platform.Linux;

/// <summary>A queue whose requests are done by system calls within <see cref="Submit"/>.</summary>
internal sealed class InlineQueue : BlockQueue
{
    private readonly BlockFile _file;
    private readonly FileIo _io;
    private CompletionList _completed;
    private bool _disposed;

    internal InlineQueue(BlockFile file, int depth)
    {
        _file = file;
        _io = new FileIo(file);
        _completed = new CompletionList(depth);
        file.Hold();
    }

    /// <inheritdoc/>
    public override Doorbell? Completions => null;

    /// <inheritdoc/>
    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        ulong writable = 0;
        foreach (ref readonly BlockRequest request in requests)
        {
            BlockStatus status = _file.Check(request, ref writable);
            _completed.Add(request.Tag, status == BlockStatus.Ok ? _io.Execute(request) : status);
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
}
