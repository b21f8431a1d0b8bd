using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Waits for doorbells with epoll, edge-triggered: each ring is reported once, and nothing needs to be read.</summary>
internal sealed unsafe class EpollWaiter : DoorbellWaiter
{
    private const int MaxDoorbells = 64;
    private const int MaxEventSize = 16;

    // struct epoll_event is packed on x86-64 alone.
    private static readonly int _dataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int _eventSize = _dataOffset + 8;
    private static readonly bool _hasPWait2 = ProbePWait2();

    private readonly SafeFileHandle _epoll =
        LinuxError.Descriptor(Libc.EpollCreate1(Libc.EPOLL_CLOEXEC), "cannot make a waiter", "epoll_create1");

    private readonly LinuxDoorbell?[] _doorbells = new LinuxDoorbell?[MaxDoorbells];
    private readonly Lock _lock = new();
    private bool _disposed;

    /// <inheritdoc/>
    public override void Add(Doorbell doorbell, int bit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bit);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(bit, MaxDoorbells);
        LinuxDoorbell linux = doorbell as LinuxDoorbell
            ?? throw new ArgumentException($"{doorbell.GetType()} is not a doorbell of this host", nameof(doorbell));
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_doorbells[bit] is not null || Array.IndexOf(_doorbells, linux) >= 0)
            {
                throw new InvalidOperationException($"bit {bit} or the doorbell is taken already; remove it first");
            }

            Span<byte> request = stackalloc byte[_eventSize];
            BinaryPrimitives.WriteUInt32LittleEndian(request, Libc.EPOLLIN | Libc.EPOLLET);
            BinaryPrimitives.WriteUInt64LittleEndian(request[_dataOffset..], (ulong)bit);

            // Held until removed, so that the number cannot come to mean another file while it is registered.
            bool held = false;
            linux.Handle.DangerousAddRef(ref held);
            Volatile.Write(ref _doorbells[bit], linux);
            fixed (byte* epollEvent = request)
            {
                if (Libc.EpollCtl(_epoll, Libc.EPOLL_CTL_ADD, (int)linux.Handle.DangerousGetHandle(), epollEvent) < 0)
                {
                    int errno = Errno.Last;
                    _doorbells[bit] = null;
                    linux.Handle.DangerousRelease();
                    throw LinuxError.Io("cannot wait for a doorbell", "epoll_ctl", errno);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void Remove(Doorbell doorbell)
    {
        lock (_lock)
        {
            int bit = Array.IndexOf(_doorbells, doorbell);
            if (bit >= 0)
            {
                RemoveAt(bit);
            }
        }
    }

    /// <inheritdoc/>
    [SkipLocalsInit]
    public override ulong Wait(long deadline)
    {
        byte* events = stackalloc byte[MaxDoorbells * MaxEventSize];
        while (true)
        {
            int count = WaitOnce(events, deadline);
            if (count > 0)
            {
                return Collect(new ReadOnlySpan<byte>(events, count * _eventSize));
            }

            int errno = count < 0 ? Errno.Last : 0;
            if (errno is not 0 and not Errno.EINTR)
            {
                throw LinuxError.Io("cannot wait for doorbells", "epoll_wait", errno);
            }

            if (deadline != Forever && TimeProvider.System.GetTimestamp() >= deadline)
            {
                return 0;
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            for (int bit = 0; bit < MaxDoorbells; bit++)
            {
                if (_doorbells[bit] is not null)
                {
                    RemoveAt(bit);
                }
            }

            _epoll.Dispose();
        }
    }

    private static bool ProbePWait2()
    {
        try
        {
            byte* none = stackalloc byte[16];
            using SafeFileHandle closed = new(-1, ownsHandle: false);
            Libc.TimeSpec now = default;
            return Libc.EpollPWait2(closed, none, 1, &now, null) < 0 && Errno.Last == Errno.EBADF;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    private int WaitOnce(byte* events, long deadline)
    {
        long nanoseconds = deadline == Forever ? -1 : NanosecondsUntil(deadline);
        if (_hasPWait2)
        {
            Libc.TimeSpec timeout = new() { Seconds = nanoseconds / 1_000_000_000, Nanoseconds = nanoseconds % 1_000_000_000 };
            return Libc.EpollPWait2(_epoll, events, MaxDoorbells, nanoseconds < 0 ? null : &timeout, null);
        }

        int milliseconds = nanoseconds < 0 ? -1 : (int)Math.Min((nanoseconds + 999_999) / 1_000_000, int.MaxValue);
        return Libc.EpollWait(_epoll, events, MaxDoorbells, milliseconds);
    }

    private static long NanosecondsUntil(long deadline)
    {
        // A deadline far off is cut to an hour; the loop asks again.
        const long Longest = 3600;
        long now = TimeProvider.System.GetTimestamp();
        long frequency = TimeProvider.System.TimestampFrequency;
        return deadline <= now ? 0 : Math.Min(deadline - now, Longest * frequency) * (1_000_000_000 / frequency);
    }

    private ulong Collect(ReadOnlySpan<byte> events)
    {
        ulong rang = 0;
        for (; !events.IsEmpty; events = events[_eventSize..])
        {
            int bit = (int)BinaryPrimitives.ReadUInt64LittleEndian(events[_dataOffset..]);
            rang |= 1ul << bit;
            Volatile.Read(ref _doorbells[bit])?.Clear();
        }

        return rang;
    }

    private void RemoveAt(int bit)
    {
        LinuxDoorbell doorbell = _doorbells[bit]!;
        byte* unused = stackalloc byte[16];

        // By number, as the doorbell may have been disposed already; the reference held since Add keeps the number ours.
        _ = Libc.EpollCtl(_epoll, Libc.EPOLL_CTL_DEL, (int)doorbell.Handle.DangerousGetHandle(), unused);
        Volatile.Write(ref _doorbells[bit], null);
        doorbell.Handle.DangerousRelease();
    }
}
