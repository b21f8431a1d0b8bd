using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A doorbell on a descriptor that becomes readable when it is rung; <see cref="EpollWaiter"/> waits for any of them.
/// </summary>
/// <param name="handle">The descriptor; the doorbell owns it.</param>
internal abstract class LinuxDoorbell(SafeFileHandle handle) : Doorbell
{
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

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => Handle.Dispose();
}
