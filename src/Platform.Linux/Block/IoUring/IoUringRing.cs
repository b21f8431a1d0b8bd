using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// The two mapped rings of an io_uring: submission entries in, completion entries out. For one thread; it writes the tail of
/// the submission queue and the head of the completion queue, the kernel the other two.
/// </summary>
internal sealed unsafe class IoUringRing : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly int _descriptor;
    private readonly nint _rings;
    private readonly nuint _ringsLength;
    private readonly nint _sqeMemory;
    private readonly nuint _sqeLength;
    private readonly IoUringSqe* _sqes;
    private readonly IoUringCqe* _cqes;
    private readonly uint* _sqHead;
    private readonly uint* _sqTail;
    private readonly uint* _sqFlags;
    private readonly uint* _cqHead;
    private readonly uint* _cqTail;
    private readonly uint* _cqFlags;
    private readonly uint _sqEntries;
    private readonly uint _sqMask;
    private readonly uint _cqMask;
    private uint _sqNext;
    private uint _sqPublished;
    private uint _cqNext;
    private bool _disposed;

    /// <summary>Maps a ring that the kernel made.</summary>
    /// <param name="handle">Its descriptor, which becomes the ring's.</param>
    /// <param name="parameters">What the kernel said of it.</param>
    /// <exception cref="IOException">It cannot be mapped.</exception>
    internal IoUringRing(SafeFileHandle handle, in IoUringParams parameters)
    {
        _handle = handle;
        _descriptor = (int)handle.DangerousGetHandle();
        _ringsLength = Math.Max(
            parameters.Sq.Array + ((nuint)parameters.SqEntries * sizeof(uint)),
            parameters.Cq.Cqes + ((nuint)parameters.CqEntries * (nuint)sizeof(IoUringCqe)));
        _sqeLength = (nuint)parameters.SqEntries * (nuint)sizeof(IoUringSqe);
        _rings = Map(_ringsLength, IoUringAbi.OffsetRings);
        try
        {
            _sqeMemory = Map(_sqeLength, IoUringAbi.OffsetSqes);
        }
        catch
        {
            _ = Libc.MUnmap(_rings, _ringsLength);
            throw;
        }

        _sqes = (IoUringSqe*)_sqeMemory;
        _cqes = (IoUringCqe*)(_rings + (nint)parameters.Cq.Cqes);
        _sqHead = Field(parameters.Sq.Head);
        _sqTail = Field(parameters.Sq.Tail);
        _sqFlags = Field(parameters.Sq.Flags);
        _cqHead = Field(parameters.Cq.Head);
        _cqTail = Field(parameters.Cq.Tail);
        _cqFlags = Field(parameters.Cq.Flags);
        _sqEntries = parameters.SqEntries;
        _sqMask = parameters.SqEntries - 1;
        _cqMask = parameters.CqEntries - 1;

        // Entry i of the ring is always submission entry i.
        uint* array = Field(parameters.Sq.Array);
        for (uint i = 0; i < parameters.SqEntries; i++)
        {
            array[i] = i;
        }

        // Nobody is to be woken until somebody sleeps.
        SetEventFd(false);
    }

    /// <summary>Whether the kernel has completions that it hands over when it is entered.</summary>
    internal bool NeedsEnter => (Volatile.Read(ref *_sqFlags) & IoUringAbi.SqTaskRun) != 0;

    /// <summary>Whether entries were prepared that the kernel did not take yet.</summary>
    internal bool HasUnsubmitted => _sqNext != Volatile.Read(ref *_sqHead);

    /// <summary>Whether a completion can be taken.</summary>
    internal bool HasCompletions
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _cqNext != Volatile.Read(ref *_cqTail);
    }

    /// <summary>Registers something with the ring.</summary>
    /// <exception cref="IOException">The kernel refuses.</exception>
    internal void Register(uint operation, void* argument, uint count)
    {
        if (Libc.IoUringRegister(_descriptor, operation, argument, count) < 0)
        {
            throw LinuxError.Io("cannot set up an io_uring", "io_uring_register", Errno.Last);
        }
    }

    /// <summary>Starts the ring. From here on it belongs to the calling thread.</summary>
    /// <exception cref="IOException">The kernel refuses.</exception>
    internal void Enable() => Register(IoUringAbi.RegisterEnableRings, null, 0);

    /// <summary>Gives the next submission entry, with anything in it.</summary>
    /// <returns>False where all are in use.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryPrepare(out IoUringSqe* entry)
    {
        uint next = _sqNext;
        if (next - Volatile.Read(ref *_sqHead) == _sqEntries)
        {
            entry = null;
            return false;
        }

        entry = _sqes + (next & _sqMask);
        _sqNext = next + 1;
        return true;
    }

    /// <summary>Hands all prepared entries to the kernel, and lets it hand completions to us.</summary>
    /// <returns>The error number, or 0. What the kernel did not take stays prepared.</returns>
    internal int Enter()
    {
        if (_sqPublished != _sqNext)
        {
            _sqPublished = _sqNext;
            Volatile.Write(ref *_sqTail, _sqNext);
        }

        while (true)
        {
            uint waiting = _sqNext - Volatile.Read(ref *_sqHead);
            int taken = Libc.IoUringEnter(_descriptor, waiting, 0, IoUringAbi.EnterGetEvents);
            if (taken >= 0)
            {
                // Fewer than asked for: the kernel stops behind an entry that it refused with a completion. Go on with the rest.
                if ((uint)taken < waiting && taken > 0)
                {
                    continue;
                }

                return 0;
            }

            int errno = Marshal.GetLastSystemError();
            if (errno != Errno.EINTR)
            {
                return errno;
            }
        }
    }

    /// <summary>Takes the oldest completion.</summary>
    /// <returns>False where there is none.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryTake(out IoUringCqe completion)
    {
        uint next = _cqNext;
        if (next == Volatile.Read(ref *_cqTail))
        {
            completion = default;
            return false;
        }

        completion = _cqes[next & _cqMask];
        _cqNext = next + 1;
        return true;
    }

    /// <summary>Gives the places of all completions that were taken back to the kernel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void PublishTaken() => Volatile.Write(ref *_cqHead, _cqNext);

    /// <summary>Whether the kernel rings the event descriptor for completions from now on. Those that are there already do not ring.</summary>
    internal void SetEventFd(bool rings) => Volatile.Write(ref *_cqFlags, rings ? 0 : IoUringAbi.CqEventFdDisabled);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _ = Libc.MUnmap(_sqeMemory, _sqeLength);
            _ = Libc.MUnmap(_rings, _ringsLength);
            _handle.Dispose();
        }
    }

    private uint* Field(uint offset) => (uint*)(_rings + (nint)offset);

    private nint Map(nuint length, long offset)
    {
        nint address = Libc.MMap(0, length, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, _handle, offset);
        return address != Libc.MapFailed ? address : throw LinuxError.Io("cannot map an io_uring", "mmap", Errno.Last);
    }
}
