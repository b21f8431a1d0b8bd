using System.Runtime.CompilerServices;

namespace Makatea.Platform.Linux;

/// <summary>
/// A queue over an io_uring of its own: a batch is one system call, and so is asking for completions when the kernel says that it has some. What io_uring
/// does not do (ioctls, memory that is not aligned for direct I/O), a few threads do.
/// </summary>
internal sealed unsafe class IoUringQueue : BlockQueue
{
    private const int HelperThreads = 4;

    private readonly BlockFile _file;
    private readonly EventDoorbell _doorbell;
    private readonly bool _ownsDoorbell;
    private readonly int _depth;
    private readonly uint[] _modes;
    private readonly NativeArray<IoUringSlot> _slots;
    private IoUringRing _ring;
    private CompletionList _completed;
    private ThreadQueue? _helper;
    private int _ownerThread;
    private int _outstanding;
    private int _helperOutstanding;
    private bool _armed;
    private bool _disposed;

    /// <param name="file">The file; it outlives the queue.</param>
    /// <param name="depth">Most requests outstanding.</param>
    /// <param name="doorbell">Rung for completions.</param>
    /// <param name="ownsDoorbell">The queue disposes the doorbell.</param>
    /// <param name="modes">Modes of the ring to try instead of <see cref="IoUringFactory.Modes"/>, to work as on an older kernel.</param>
    /// <exception cref="IOException">The kernel gives us no ring.</exception>
    internal IoUringQueue(BlockFile file, int depth, EventDoorbell doorbell, bool ownsDoorbell, uint[]? modes = null)
    {
        _modes = modes ?? IoUringFactory.Modes;
        _ring = IoUringFactory.Create(file, depth, doorbell, _modes);
        _file = file;
        _doorbell = doorbell;
        _ownsDoorbell = ownsDoorbell;
        _depth = depth;
        _slots = new NativeArray<IoUringSlot>(depth);
        _completed = new CompletionList(depth);
        file.Hold();
    }

    /// <inheritdoc/>
    public override Doorbell? Completions => _doorbell;

    /// <inheritdoc/>
    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        Own();
        Disarm();
        ulong writable = 0;
        foreach (ref readonly BlockRequest request in requests)
        {
            BlockStatus status = _file.Check(request, ref writable);
            if (status != BlockStatus.Ok)
            {
                _completed.Add(request.Tag, status);
                continue;
            }

            ref IoUringSlot slot = ref _slots[request.Tag];
            slot.Begin(request);
            Start(ref slot);
        }

        if (_ring.HasUnsubmitted)
        {
            _ = _ring.Enter();
        }
    }

    /// <inheritdoc/>
    public override int Poll(Span<BlockCompletion> completions)
    {
        Disarm();
        int count = _completed.Take(completions);
        if (_outstanding > 0)
        {
            count = Reap(completions, count);
            if (_ring.HasUnsubmitted || (count == 0 && _ring.NeedsEnter))
            {
                Own();
                _ = _ring.Enter();
                count = Reap(completions, count);
            }
        }

        if (_helperOutstanding > 0)
        {
            int helped = _helper!.Poll(completions[count..]);
            _helperOutstanding -= helped;
            count += helped;
        }

        return count;
    }

    /// <inheritdoc/>
    public override long Arm()
    {
        if (!_completed.IsEmpty || (_helperOutstanding > 0 && _helper!.Arm() == Ready))
        {
            return Ready;
        }

        if (_outstanding == 0)
        {
            return DoorbellWaiter.Forever;
        }

        if (_ring.HasUnsubmitted)
        {
            // The kernel had no memory for it. Try again in a little while.
            return TimeProvider.System.GetTimestamp() + (TimeProvider.System.TimestampFrequency / 1000);
        }

        _armed = true;
        _ring.SetEventFd(true);

        // Pairs with the kernel's barrier between publishing a completion (or saying that it has some) and looking at whether to ring.
        Interlocked.MemoryBarrier();
        if (_ring.HasCompletions || _ring.NeedsEnter)
        {
            Disarm();
            return Ready;
        }

        return DoorbellWaiter.Forever;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _ring.Dispose();
        _helper?.Dispose();
        _slots.Dispose();
        _file.Release();
        if (_ownsDoorbell)
        {
            _doorbell.Dispose();
        }
    }

    /// <summary>Makes the ring the calling thread's: queues are opened on one thread and used on another, and a ring knows its thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Own()
    {
        if (_ownerThread != Environment.CurrentManagedThreadId)
        {
            ChangeOwner();
        }
    }

    private void ChangeOwner()
    {
        if (_ownerThread != 0)
        {
            if (_outstanding != 0)
            {
                throw new InvalidOperationException($"the queue was used by another thread, and {_outstanding} requests of it are still outstanding");
            }

            _ring.Dispose();
            _ring = IoUringFactory.Create(_file, _depth, _doorbell, _modes);
        }

        _ring.Enable();
        _ownerThread = Environment.CurrentManagedThreadId;
    }

    private void Disarm()
    {
        if (_armed)
        {
            _armed = false;
            _ring.SetEventFd(false);
        }
    }

    private void Start(ref IoUringSlot slot)
    {
        ref BlockRequest request = ref slot.Request;
        if (request.Operation == BlockOperation.Flush ? _file.FlushFailed : request.SectorCount == 0)
        {
            _completed.Add(request.Tag, request.Operation == BlockOperation.Flush ? BlockStatus.IoError : BlockStatus.Ok);
        }
        else if (IsForHelper(request))
        {
            Help(request);
        }
        else
        {
            _outstanding++;
            Push(ref slot);
        }
    }

    private bool IsForHelper(in BlockRequest request) => request.Operation switch
    {
        BlockOperation.Read or BlockOperation.Write => _file.Traits.MemoryAlignment > 1 && !FileIo.IsAligned(request.Data, _file.Traits.MemoryAlignment),
        BlockOperation.Flush => false,
        _ => FileSpace.ModeOf(_file, request.Operation) == 0,
    };

    /// <summary>Lets a thread do the request, whatever it needs.</summary>
    private void Help(in BlockRequest request)
    {
        _helper ??= new ThreadQueue(_file, _depth, HelperThreads, _doorbell, ownsDoorbell: false);
        _helper.Submit(new ReadOnlySpan<BlockRequest>(in request));
        _helperOutstanding++;
    }

    private void Push(ref IoUringSlot slot)
    {
        if (!_ring.TryPrepare(out IoUringSqe* entry))
        {
            _ring.PublishTaken();
            _ = _ring.Enter();
            if (!_ring.TryPrepare(out entry))
            {
                // Depths beyond the kernel's most entries, and it takes none just now.
                _outstanding--;
                Help(slot.Request);
                return;
            }
        }

        slot.Prepare(_file, entry);
    }

    private int Reap(Span<BlockCompletion> completions, int count)
    {
        while (count < completions.Length && _ring.TryTake(out IoUringCqe entry))
        {
            ref IoUringSlot slot = ref _slots[(int)entry.UserData];
            if (slot.IsWhole(entry.Result))
            {
                _outstanding--;
                completions[count++] = new BlockCompletion((int)entry.UserData, BlockStatus.Ok);
            }
            else if (Finish(ref slot, entry.Result, out BlockStatus status))
            {
                completions[count++] = new BlockCompletion((int)entry.UserData, status);
            }
        }

        _ring.PublishTaken();
        return count;
    }

    /// <summary>Everything but a transfer that went through whole.</summary>
    /// <returns>False where the request goes on.</returns>
    private bool Finish(ref IoUringSlot slot, int result, out BlockStatus status)
    {
        status = BlockStatus.IoError;
        ref BlockRequest request = ref slot.Request;
        if (result > 0 || result == -Errno.EINTR)
        {
            slot.Done += Math.Max(result, 0);
            Push(ref slot);
            return false;
        }

        _outstanding--;
        if (NeedsHelp(request.Operation, -result))
        {
            Help(request);
            return false;
        }

        if (result < 0 && request.Operation == BlockOperation.Flush)
        {
            _file.FlushFailed = true;
        }

        return true;
    }

    /// <summary>
    /// Whether an error says that io_uring cannot do it, rather than that it went wrong: a descriptor that must not wait (EAGAIN), a file system without this
    /// kind of fallocate. A thread finds another way or the true error.
    /// </summary>
    private static bool NeedsHelp(BlockOperation operation, int errno) => operation switch
    {
        BlockOperation.Read or BlockOperation.Write => errno == Errno.EAGAIN,
        BlockOperation.Flush => false,
        _ => FileSpace.IsRefusal(errno),
    };
}
