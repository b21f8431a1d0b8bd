using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A doorbell on a descriptor that becomes readable when it is rung; <see cref="EpollWaiter"/> waits for any of them.
/// </summary>
/// <param name="handle">The descriptor; the doorbell owns it.</param>
internal abstract unsafe class LinuxDoorbell(SafeFileHandle handle) : Doorbell
{
    private volatile bool _stalled;

    /// <summary>The descriptor.</summary>
    internal SafeFileHandle Handle { get; } = handle;

    /// <summary>
    /// Called by the waiter's thread after each ring that it saw. The waiter listens for edges, so only a descriptor
    /// that stops reporting them when nobody reads it (a full pipe) has something to do here. Must not block.
    /// </summary>
    internal virtual void Clear()
    {
    }

    /// <summary>Makes a doorbell of a descriptor that a peer granted.</summary>
    /// <exception cref="GrantException">It is neither an eventfd nor a pipe.</exception>
    internal static LinuxDoorbell Open(SafeFileHandle handle)
    {
        if (Libc.StatxAt(handle, "", Libc.AT_EMPTY_PATH, Libc.STATX_BASIC_STATS, out Libc.Statx status) < 0)
        {
            throw LinuxError.Grant("cannot look at the granted doorbell", "statx", Errno.Last);
        }

        SetNonBlocking(handle);
        return (status.Mode & Libc.S_IFMT) switch
        {
            Libc.S_IFIFO => new PipeDoorbell(handle),
            0 when EventDoorbell.IsEventFd(handle) => new EventDoorbell(handle),
            _ => throw new GrantException($"{FileKind.Of(status.Mode)} was granted as a doorbell; it has to be an eventfd or a pipe"),
        };
    }

    /// <summary>Makes the descriptor's calls fail instead of wait.</summary>
    private static void SetNonBlocking(SafeFileHandle handle)
    {
        int flags = Libc.Fcntl(handle, Libc.F_GETFL, 0);
        if (flags < 0 || ((flags & Libc.O_NONBLOCK) == 0 && Libc.Fcntl(handle, Libc.F_SETFL, flags | Libc.O_NONBLOCK) < 0))
        {
            throw LinuxError.Grant("cannot use the granted doorbell", "fcntl", Errno.Last);
        }
    }

    /// <summary>The peer made a call wait until <see cref="StallGuard"/> ended it: there are to be no more.</summary>
    private protected bool IsStalled
    {
        get => _stalled;
        set => _stalled = value;
    }

    /// <summary>Writes to the descriptor.</summary>
    private protected void RingWith(void* value, nuint length)
    {
        if (IsStalled)
        {
            return;
        }

        PeerCalls calls = StallGuard.OfThisThread;
        calls.Begin();
        try
        {
            // .NET's own signals restart a call.
            if (Libc.Write(Handle, value, length) < 0 && Errno.Last == Errno.EINTR)
            {
                IsStalled = true;
            }
        }
        finally
        {
            calls.End();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => Handle.Dispose();
}
