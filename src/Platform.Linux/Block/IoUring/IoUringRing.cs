using System.Numerics;
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
    // Best first. DEFER_TASKRUN (Linux 6.1) does the kernel's part of a completion when we ask for completions, not in the middle of something
    // else; COOP_TASKRUN (5.19) at least interrupts nobody.
    private static readonly uint[] Modes =
    [
        IoUringAbi.SetupSingleIssuer | IoUringAbi.SetupDeferTaskRun | IoUringAbi.SetupTaskRunFlag,
        IoUringAbi.SetupCoopTaskRun | IoUringAbi.SetupTaskRunFlag,
        0,
    ];

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

    private IoUringRing(SafeFileHandle handle, in IoUringParams parameters)
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

    /// <summary>Flags of the mode that the kernel took.</summary>
    internal uint Mode { get; private init; }

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

    /// <summary>Makes a ring for one file, stopped until <see cref="Enable"/>.</summary>
    /// <param name="depth">Most entries outstanding, up to 65,536.</param>
    /// <param name="file">The file that entries with <see cref="IoUringAbi.SqeFixedFile"/> and number 0 mean.</param>
    /// <param name="eventFd">Rung for completions while <see cref="SetEventFd"/> says so.</param>
    /// <exception cref="IOException">The kernel gives us none; its <see cref="Exception.HResult"/> is the error number.</exception>
    internal static IoUringRing Create(int depth, int file, int eventFd)
    {
        // The kernel's limit is half of what the completion queue may have. Beyond it entries wait for a place.
        uint entries = Math.Min(BitOperations.RoundUpToPowerOf2((uint)depth), 32768);
        IoUringParams parameters = default;
        int fd = -1;
        uint mode = 0;
        for (int i = 0; i < Modes.Length && fd < 0; i++)
        {
            mode = Modes[i];
            parameters = new IoUringParams
            {
                Flags = mode | IoUringAbi.SetupDisabled | IoUringAbi.SetupClamp | IoUringAbi.SetupCqSize,
                CqEntries = BitOperations.RoundUpToPowerOf2((uint)depth),
            };
            fd = Libc.IoUringSetup(entries, &parameters);
            if (fd < 0 && Errno.Last != Errno.EINVAL)
            {
                break;
            }
        }

        SafeFileHandle handle = LinuxError.Descriptor(fd, "cannot make an io_uring", "io_uring_setup");
        const uint Needed = IoUringAbi.FeatureSingleMmap | IoUringAbi.FeatureNoDrop;
        try
        {
            if ((parameters.Features & Needed) != Needed)
            {
                throw new IOException("this kernel's io_uring is too old", Errno.ENOSYS);
            }

            IoUringRing ring = new(handle, parameters) { Mode = mode };
            try
            {
                ring.Register(IoUringAbi.RegisterFiles, &file);
                ring.Register(IoUringAbi.RegisterEventFd, &eventFd);
                return ring;
            }
            catch
            {
                ring.Dispose();
                throw;
            }
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Starts the ring. From here on it belongs to the calling thread.</summary>
    /// <exception cref="IOException">The kernel refuses.</exception>
    internal void Enable()
    {
        if (Libc.IoUringRegister(_descriptor, IoUringAbi.RegisterEnableRings, null, 0) < 0)
        {
            throw LinuxError.Io("cannot start an io_uring", "io_uring_register", Errno.Last);
        }
    }

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

    /// <summary>Whether the kernel knows an operation.</summary>
    internal bool Supports(byte operation)
    {
        // struct io_uring_probe: 16 bytes, the first of which is the last operation known; then 8 bytes each, with flags at 2.
        const int Header = 16;
        const int Entry = 8;
        byte* probe = stackalloc byte[Header + (256 * Entry)];
        new Span<byte>(probe, Header + (256 * Entry)).Clear();
        return Libc.IoUringRegister(_descriptor, IoUringAbi.RegisterProbe, probe, 256) >= 0
            && operation <= probe[0]
            && (*(ushort*)(probe + Header + (operation * Entry) + 2) & IoUringAbi.ProbeSupported) != 0;
    }

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

    private void Register(uint operation, int* value)
    {
        if (Libc.IoUringRegister(_descriptor, operation, value, 1) < 0)
        {
            throw LinuxError.Io("cannot set up an io_uring", "io_uring_register", Errno.Last);
        }
    }
}
