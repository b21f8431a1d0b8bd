namespace Makatea.Platform.Linux;

/// <summary>A queue whose requests are done by system calls on threads of its own, which are started when there is work for them.</summary>
internal sealed class ThreadQueue : BlockQueue
{
    private const int StackSize = 256 * 1024;

    private readonly object _gate = new();
    private readonly BlockFile _file;
    private readonly Doorbell _doorbell;
    private readonly bool _ownsDoorbell;
    private readonly BlockRequest[] _waiting;
    private readonly Thread[] _threads;
    private CompletionList _completed;
    private int _firstWaiting;
    private int _waitingCount;
    private int _threadCount;
    private int _idleCount;
    private bool _armed;
    private bool _stopping;

    /// <param name="file">The file; it outlives the queue.</param>
    /// <param name="depth">Most requests outstanding.</param>
    /// <param name="mostThreads">Most threads.</param>
    /// <param name="doorbell">Rung for completions.</param>
    /// <param name="ownsDoorbell">The queue disposes the doorbell.</param>
    internal ThreadQueue(BlockFile file, int depth, int mostThreads, Doorbell doorbell, bool ownsDoorbell)
    {
        _file = file;
        _doorbell = doorbell;
        _ownsDoorbell = ownsDoorbell;
        _waiting = new BlockRequest[depth];
        _threads = new Thread[Math.Min(depth, mostThreads)];
        _completed = new CompletionList(depth);
        file.Hold();
    }

    /// <inheritdoc/>
    public override Doorbell? Completions => _doorbell;

    /// <inheritdoc/>
    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        ulong writable = 0;
        lock (_gate)
        {
            _armed = false;
            foreach (ref readonly BlockRequest request in requests)
            {
                BlockStatus status = _file.Check(request, ref writable);
                if (status == BlockStatus.Ok)
                {
                    Enqueue(request);
                }
                else
                {
                    _completed.Add(request.Tag, status);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override int Poll(Span<BlockCompletion> completions)
    {
        lock (_gate)
        {
            _armed = false;
            return _completed.Take(completions);
        }
    }

    /// <inheritdoc/>
    public override long Arm()
    {
        lock (_gate)
        {
            _armed = _completed.IsEmpty;
            return _armed ? DoorbellWaiter.Forever : Ready;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            if (_stopping)
            {
                return;
            }

            _stopping = true;
            Monitor.PulseAll(_gate);
        }

        for (int i = 0; i < _threadCount; i++)
        {
            _threads[i].Join();
        }

        _file.Release();
        if (_ownsDoorbell)
        {
            _doorbell.Dispose();
        }
    }

    private void Enqueue(in BlockRequest request)
    {
        if (_waitingCount == _waiting.Length)
        {
            throw new InvalidOperationException($"more than {_waiting.Length} requests are outstanding, the depth that the queue was opened with");
        }

        _waiting[(_firstWaiting + _waitingCount) % _waiting.Length] = request;
        _waitingCount++;
        if (_waitingCount > _idleCount && _threadCount < _threads.Length)
        {
            Thread thread = new(Work, StackSize) { IsBackground = true, Name = $"block {_threadCount}" };
            _threads[_threadCount++] = thread;
            thread.Start();
        }
        else
        {
            Monitor.Pulse(_gate);
        }
    }

    private void Work()
    {
        using FileIo io = new(_file);
        while (TryTake(out BlockRequest request))
        {
            BlockStatus status = io.Execute(request);
            bool ring;
            lock (_gate)
            {
                _completed.Add(request.Tag, status);
                ring = _armed;
                _armed = false;
            }

            if (ring)
            {
                _doorbell.Ring();
            }
        }
    }

    private bool TryTake(out BlockRequest request)
    {
        lock (_gate)
        {
            while (_waitingCount == 0)
            {
                if (_stopping)
                {
                    request = default;
                    return false;
                }

                _idleCount++;
                Monitor.Wait(_gate);
                _idleCount--;
            }

            request = _waiting[_firstWaiting];
            _firstWaiting = (_firstWaiting + 1) % _waiting.Length;
            _waitingCount--;
            return true;
        }
    }
}
