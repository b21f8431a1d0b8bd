using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Waits for doorbells with epoll, edge-triggered: each ring is reported once, and nothing needs to be read.</summary>
internal sealed unsafe class EpollWaiter : DoorbellWaiter
{
    private const int Bits = 64;
    private const int MaxEvents = 64;
    private const int MaxEventSize = 16;

    // struct epoll_event is packed on x86-64 alone.
    private static readonly int _dataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int _eventSize = _dataOffset + 8;
    private static readonly bool _hasPWait2 = ProbePWait2();

    private readonly SafeFileHandle _epoll =
        LinuxError.Descriptor(Libc.EpollCreate1(Libc.EPOLL_CLOEXEC), "cannot make a waiter", "epoll_create1");

    /// <summary>What was added, by the number that epoll gives back. Replaced by a longer one where there is no room.</summary>
    private Entry?[] _entries = new Entry?[4];
    private readonly Lock _lock = new();
    private bool _disposed;

    /// <inheritdoc/>
    public override void Add(Doorbell doorbell, int bit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bit);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(bit, Bits);
        LinuxDoorbell linux = doorbell as LinuxDoorbell
            ?? throw new ArgumentException($"{doorbell.GetType()} is not a doorbell of this host", nameof(doorbell));
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (Find(linux) >= 0)
            {
                throw new InvalidOperationException("the doorbell was added already; remove it first");
            }

            int slot = FreeSlot();

            Span<byte> request = stackalloc byte[_eventSize];
            BinaryPrimitives.WriteUInt32LittleEndian(request, Libc.EPOLLIN | Libc.EPOLLET);
            BinaryPrimitives.WriteUInt64LittleEndian(request[_dataOffset..], (ulong)slot);

            // Held until removed, so that the number cannot come to mean another file while it is registered.
            bool held = false;
            linux.Handle.DangerousAddRef(ref held);
            Volatile.Write(ref _entries[slot], new Entry(linux, bit));
            fixed (byte* epollEvent = request)
            {
                if (Libc.EpollCtl(_epoll, Libc.EPOLL_CTL_ADD, (int)linux.Handle.DangerousGetHandle(), epollEvent) < 0)
                {
                    int errno = Errno.Last;
                    _entries[slot] = null;
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
            int slot = Find(doorbell);
            if (slot >= 0)
            {
                RemoveAt(slot);
            }
        }
    }

    /// <inheritdoc/>
    [SkipLocalsInit]
    public override ulong Wait(long deadline)
    {
        byte* events = stackalloc byte[MaxEvents * MaxEventSize];
        while (true)
        {
            int count = WaitOnce(events, deadline);
            if (count > 0)
            {
                ulong rang = Collect(new ReadOnlySpan<byte>(events, count * _eventSize));
                if (rang != 0)
                {
                    return rang;
                }
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
            for (int slot = 0; slot < _entries.Length; slot++)
            {
                if (_entries[slot] is not null)
                {
                    RemoveAt(slot);
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
            return Libc.EpollPWait2(_epoll, events, MaxEvents, nanoseconds < 0 ? null : &timeout, null);
        }

        int milliseconds = nanoseconds < 0 ? -1 : (int)Math.Min((nanoseconds + 999_999) / 1_000_000, int.MaxValue);
        return Libc.EpollWait(_epoll, events, MaxEvents, milliseconds);
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

        // Read after epoll answered: whatever rang was put there before.
        Entry?[] entries = Volatile.Read(ref _entries);
        for (; !events.IsEmpty; events = events[_eventSize..])
        {
            int slot = (int)BinaryPrimitives.ReadUInt64LittleEndian(events[_dataOffset..]);
            if (Volatile.Read(ref entries[slot]) is { } entry)
            {
                rang |= 1ul << entry.Bit;
                entry.Doorbell.Clear();
            }
        }

        return rang;
    }

    private int Find(Doorbell doorbell) => Array.FindIndex(_entries, e => e is not null && ReferenceEquals(e.Doorbell, doorbell));

    private int FreeSlot()
    {
        int slot = Array.IndexOf(_entries, null);
        if (slot < 0)
        {
            slot = _entries.Length;
            Entry?[] longer = new Entry?[slot * 2];
            _entries.CopyTo(longer, 0);
            Volatile.Write(ref _entries, longer);
        }

        return slot;
    }

    private void RemoveAt(int slot)
    {
        LinuxDoorbell doorbell = _entries[slot]!.Doorbell;
        byte* unused = stackalloc byte[16];

        // By number, as the doorbell may have been disposed already; the reference held since Add keeps the number ours.
        _ = Libc.EpollCtl(_epoll, Libc.EPOLL_CTL_DEL, (int)doorbell.Handle.DangerousGetHandle(), unused);
        Volatile.Write(ref _entries[slot], null);
        doorbell.Handle.DangerousRelease();
    }

    private sealed record Entry(LinuxDoorbell Doorbell, int Bit);
}
